import { createPartitions } from '../protocol/apis/create-partitions.js';
import { deleteRecords } from '../protocol/apis/delete-records.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { RequestOf } from '../protocol/schema/api.js';
import { type HandlerOf, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf } from './error-mapping.js';
import { mapLimited } from './map-limited.js';
import { type Refusal, refusalOf, refuse } from './refusal.js';
import { PARALLEL_TOPICS } from './topic-creation.js';
import { repeatedOf, withoutRepeatedPartitions } from './without-repeats.js';

/** Stands for the end of the partition. */
const END = -1;

/** Moves the start of partitions forward permanently. */
export function deleteRecordsRoute(broker: BrokerContext): Route {
  const remove = async (topicName: string, index: number, offset: number) => {
    const refused = (errorCode: ErrorCode) => ({ index, lowWatermark: -1, errorCode });
    const topic = broker.directory.byName(topicName);
    if (topic === undefined) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const partition = broker.directory.partitionOf(topic, index);
    if (typeof partition === 'number') return refused(partition);
    try {
      // Save the producers' last batches in a snapshot first: they may be among the deleted records.
      await broker.producers.saveOf(topic, partition);
      const before = offset === END ? partition.endOffset : offset;
      const lowWatermark = await partition.deleteRecords(before);
      return { index, lowWatermark, errorCode: ErrorCode.NONE };
    } catch (error) {
      return refused(errorCodeOf(error));
    }
  };
  const serve: HandlerOf<typeof deleteRecords> = async ({ topics }) => ({
    topics: await mapLimited(topics, PARALLEL_TOPICS, async ({ name, partitions }) => ({
      name,
      partitions: await mapLimited(partitions, PARALLEL_TOPICS, ({ index, offset }) =>
        remove(name, index, offset),
      ),
    })),
  });
  return route(deleteRecords, serve, {
    distinct: (request) => ({
      ...request,
      topics: withoutRepeatedPartitions(
        request.topics,
        ({ name }) => name,
        ({ index }: { readonly index: number }) => index,
      ),
    }),
  });
}

type MorePartitions = RequestOf<typeof createPartitions>['topics'][number];

/** Adds partitions to topics. Keys may map to other partitions from then on. */
export function createPartitionsRoute(broker: BrokerContext): Route {
  return route(createPartitions, async ({ topics, validateOnly }) => {
    const repeated = repeatedOf(topics.map(({ name }) => name));
    return {
      results: await mapLimited(topics, PARALLEL_TOPICS, async (topic) => {
        const { name, count } = topic;
        const refusal = repeated.has(name)
          ? refuse(ErrorCode.INVALID_REQUEST, 'named twice')
          : problemOf(broker, topic);
        if (refusal !== undefined) return { name, ...refusal };
        try {
          await broker.topics.addPartitions(name, count, { dryRun: validateOnly });
          return { name, errorCode: ErrorCode.NONE, errorMessage: null };
        } catch (error) {
          return { name, ...refusalOf(error) };
        }
      }),
    };
  });
}

function problemOf(broker: BrokerContext, { name, count, assignments }: MorePartitions): Refusal | undefined {
  const topic = broker.directory.byName(name);
  if (topic === undefined) return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic ${name}`);
  const { partitionCount } = topic;
  if (count <= partitionCount) {
    return refuse(ErrorCode.INVALID_PARTITIONS, `the topic has ${partitionCount} partitions; ask for more`);
  }
  if (assignments === null) return undefined;
  if (assignments.length !== count - partitionCount) {
    return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, 'give one assignment for each new partition');
  }
  return assignmentProblem(broker, name, partitionCount, assignments);
}

/** The leader of a partition follows from its name, so an assignment may only name that broker. */
export function assignmentProblem(
  { cluster }: BrokerContext,
  topic: string,
  first: number,
  assignments: readonly { readonly brokerIds: readonly number[] }[],
): Refusal | undefined {
  for (const [i, { brokerIds }] of assignments.entries()) {
    const leader = cluster.leaderOf(topic, first + i);
    if (brokerIds.length === 1 && brokerIds[0] === leader) continue;
    const message = `partition ${first + i} can only be assigned to broker ${leader}`;
    return refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
  }
  return undefined;
}

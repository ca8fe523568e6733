import type { TopicOptions } from '@genrocks/topics';
import { createTopics } from '../protocol/apis/create-topics.js';
import { deleteTopics } from '../protocol/apis/delete-topics.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { RequestOf } from '../protocol/schema/api.js';
import { route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { mapLimited } from './map-limited.js';
import { assignmentProblem } from './records-admin.js';
import { type Refusal, refusalOf, refuse } from './refusal.js';
import { sizesFrom } from './topic-configs.js';
import { PARALLEL_TOPICS, TopicCreation } from './topic-creation.js';
import { isCreatableName } from './topic-directory.js';
import { repeatedOf } from './without-repeats.js';

const NO_ID = '00000000-0000-0000-0000-000000000000';

type NewTopic = RequestOf<typeof createTopics>['topics'][number];

/** Creates topics. Each exists and has its leader before the answer is sent. */
export function createTopicsRoute(broker: BrokerContext): Route {
  return route(createTopics, async ({ topics, validateOnly }) => {
    const repeated = repeatedOf(topics.map(({ name }) => name));
    const creation = new TopicCreation();
    return {
      topics: await mapLimited(topics, PARALLEL_TOPICS, async (topic) => {
        const refusal = repeated.has(topic.name)
          ? refuse(ErrorCode.INVALID_REQUEST, 'named twice')
          : problemOf(broker, topic);
        if (refusal !== undefined) return { name: topic.name, ...refusal };
        try {
          return await creation.run(async () =>
            validateOnly ? check(broker, topic, creation) : create(broker, topic),
          );
        } catch (error) {
          return { name: topic.name, ...refusalOf(error) };
        }
      }),
    };
  });
}

async function create(broker: BrokerContext, topic: NewTopic) {
  const { id, partitionCount } = await broker.topics.startTopic(topic.name, optionsOf(broker, topic));
  return { ...created(topic, partitionCount), topicId: id };
}

/** Returns the answer of {@link create} without creating the topic. */
function check(broker: BrokerContext, topic: NewTopic, creation: TopicCreation) {
  const options = optionsOf(broker, topic);
  const { partitionCount } = broker.topics.checkTopic(topic.name, options, creation.planned);
  creation.planned++;
  return created(topic, partitionCount);
}

function created({ name }: NewTopic, numPartitions: number) {
  return {
    name,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    numPartitions,
    replicationFactor: 1,
    configs: [],
  };
}

/** @throws `INVALID_CONFIG` */
function optionsOf(
  { defaultAdapter: adapter, maxMessageBytes }: BrokerContext,
  topic: NewTopic,
): TopicOptions {
  const partitions = topic.assignments.length > 0 ? topic.assignments.length : topic.numPartitions;
  const sizes = sizesFrom(topic.configs, { adapter, maxMessageBytes });
  return {
    ...(partitions === -1 ? {} : { partitions }),
    ...(Object.keys(sizes).length === 0 ? {} : { storage: { ...sizes } }),
  };
}

function problemOf(broker: BrokerContext, topic: NewTopic): Refusal | undefined {
  const { name, numPartitions, replicationFactor, assignments } = topic;
  if (!isCreatableName(name)) {
    return refuse(
      ErrorCode.INVALID_TOPIC,
      'a topic name may have up to 249 letters, digits, ".", "_" and "-", and must not begin with "__"',
    );
  }
  if (broker.directory.byName(name) !== undefined) {
    return refuse(ErrorCode.TOPIC_ALREADY_EXISTS, `topic ${name} already exists`);
  }
  if (assignments.length > 0) {
    if (numPartitions !== -1 || replicationFactor !== -1) {
      return refuse(ErrorCode.INVALID_REQUEST, 'give either counts or assignments, not both');
    }
    const inOrder = assignments.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
    if (inOrder.some(({ partitionIndex }, i) => partitionIndex !== i)) {
      return refuse(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        'give one assignment for each of the partitions 0, 1, 2, ...',
      );
    }
    return assignmentProblem(broker, name, 0, inOrder);
  }
  if (numPartitions !== -1 && numPartitions < 1) {
    return refuse(ErrorCode.INVALID_PARTITIONS, 'at least one partition is needed');
  }
  const { size } = broker.cluster;
  if (replicationFactor !== -1 && (replicationFactor < 1 || replicationFactor > size)) {
    return refuse(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `the replication factor must be from 1 to ${size}, the number of brokers`,
    );
  }
  return undefined;
}

interface NamedTopic {
  readonly name: string | null;
  readonly topicId: string;
}

/** Deletes topics with their data and the groups' offsets in them. */
export function deleteTopicsRoute(broker: BrokerContext): Route {
  const { directory, topics: service } = broker;
  const find = ({ name, topicId }: NamedTopic) =>
    name === null ? directory.byId(topicId) : directory.byName(name);
  return route(deleteTopics, async ({ topics, names }) => {
    const asked: NamedTopic[] = [...names.map((name) => ({ name, topicId: NO_ID })), ...topics];
    const repeated = repeatedOf(asked.map((one) => find(one)?.name ?? one.name ?? one.topicId));
    const remove = async (one: NamedTopic) => {
      const { name, topicId } = one;
      if ((name === null) === (topicId === NO_ID)) {
        return {
          ...one,
          ...refuse(ErrorCode.INVALID_REQUEST, 'give either the name or the UUID of the topic'),
        };
      }
      const topic = find(one);
      if (repeated.has(topic?.name ?? name ?? topicId)) {
        return { ...one, ...refuse(ErrorCode.INVALID_REQUEST, 'named twice') };
      }
      if (topic === undefined) {
        const errorCode = name === null ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
        return { ...one, errorCode };
      }
      const found = { name: topic.name, topicId: topic.id };
      try {
        await service.deleteTopic(topic.name);
        return { ...found, errorCode: ErrorCode.NONE };
      } catch (error) {
        return { ...found, ...refusalOf(error) };
      }
    };
    return { topics: await mapLimited(asked, PARALLEL_TOPICS, remove) };
  });
}

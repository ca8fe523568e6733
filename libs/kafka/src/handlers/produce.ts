import {
  firstBatchBytes,
  magicOf,
  type Partition,
  patchLeaderEpoch,
  readBatchHeader,
  type Topic,
} from '@genrocks/topics';
import { LEADER_EPOCH } from '../cluster/virtual-cluster.js';
import { produce } from '../protocol/apis/produce.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { RequestOf, ResponseOf } from '../protocol/schema/api.js';
import { isIdempotent, producerOf } from '../producers/batch-producer.js';
import { CLOSE, NO_ANSWER, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf } from './error-mapping.js';

/** The first version whose clients carry record batches. */
const BATCHES_FROM = 3;
/** The first version in which zstd exists. */
const ZSTD_FROM = 7;

type TopicData = RequestOf<typeof produce>['topics'][number];
type PartitionData = TopicData['partitions'][number];
type PartitionAnswer = ResponseOf<typeof produce>['topics'] extends readonly (infer T)[] | undefined
  ? T extends { partitions?: readonly (infer P)[] }
    ? P
    : never
  : never;

/** Appends batches as their producers packed them; answers when they are as durable as storage promises. */
export function produceRoute(broker: BrokerContext): Route {
  return route(
    produce,
    async (request, { version }) => {
      const { acks } = request;
      const topics = await Promise.all(
        request.topics.map(async (topic) => ({
          name: topic.name,
          partitions: await Promise.all(
            topic.partitions.map((data) => answerFor(broker, topic.name, data, acks, version)),
          ),
        })),
      );
      if (acks !== 0) return { topics };
      // Nobody reads an answer; a closed connection is the one sign there is that something was lost.
      const failed = topics.some(({ partitions }) => partitions.some(({ errorCode }) => errorCode !== 0));
      return failed ? CLOSE : NO_ANSWER;
    },
    // Batches are lent to the partitions, which are done with them when they answer; so is everybody when all have.
    { overlaps, keepsNoBytes: true },
  );
}

/**
 * Batches of one client may wait together for one sync. Not those of idempotent producers: behind one that fails, none
 * may be stored that came after it.
 */
function overlaps({ topics }: RequestOf<typeof produce>): boolean {
  return topics.every(({ partitions }) =>
    partitions.every(({ records }) => records === null || !isIdempotent(records)),
  );
}

async function answerFor(
  broker: BrokerContext,
  topicName: string,
  data: PartitionData,
  acks: number,
  version: number,
): Promise<PartitionAnswer> {
  const { index, records } = data;
  const refuse = (errorCode: ErrorCode, errorMessage: string | null = null): PartitionAnswer => ({
    index,
    errorCode,
    baseOffset: -1,
    errorMessage,
  });
  if (acks !== 0 && acks !== 1 && acks !== -1) return refuse(ErrorCode.INVALID_REQUIRED_ACKS);
  const topic = broker.directory.byName(topicName);
  if (topic === undefined) return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  const partition = broker.directory.partitionOf(topic, index);
  if (typeof partition === 'number') return refuse(partition);
  try {
    const problem = problemOf(records, version);
    if (problem !== undefined) return refuse(problem);
    return await append(broker, topic, partition, records!, refuse);
  } catch (error) {
    return refuse(errorCodeOf(error), error instanceof Error ? error.message : null);
  }
}

/**
 * What is wrong with the records besides what the partition itself checks.
 * @throws `CORRUPT_BATCH`
 */
function problemOf(records: Buffer | null, version: number): ErrorCode | undefined {
  if (version < BATCHES_FROM) return ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT;
  const bytes = records === null ? undefined : firstBatchBytes(records);
  if (bytes === undefined) return ErrorCode.CORRUPT_MESSAGE;
  if (magicOf(records!) !== 2) return ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT;
  if (records!.length > bytes) return ErrorCode.INVALID_RECORD;
  const { transactional, control, compression } = readBatchHeader(records!);
  if (transactional || control) return ErrorCode.INVALID_RECORD;
  if (compression === 'zstd' && version < ZSTD_FROM) return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
  return undefined;
}

async function append(
  broker: BrokerContext,
  topic: Topic,
  partition: Partition,
  batch: Buffer,
  refuse: (errorCode: ErrorCode) => PartitionAnswer,
): Promise<PartitionAnswer> {
  patchLeaderEpoch(batch, LEADER_EPOCH);
  const { index } = partition;
  const producer = producerOf(batch);
  if (producer === undefined) {
    const { baseOffset, startOffset } = await partition.append(batch, true);
    // Those who write idempotently must be found again behind any number of batches of others.
    await broker.producers.stored(topic, partition);
    return { index, errorCode: ErrorCode.NONE, baseOffset, logStartOffset: startOffset };
  }
  const producers = await broker.producers.of(topic, partition);
  // From here to `appending` nothing may wait: what is checked must be what is appended next.
  const verdict = producers.check(producer);
  if (verdict.kind === 'refuse') return refuse(verdict.errorCode);
  if (verdict.kind === 'append') {
    const stored = partition.append(batch, true).then(({ baseOffset }) => baseOffset);
    producers.appending(producer, stored, partition.endOffset);
    const baseOffset = await stored;
    await broker.producers.stored(topic, partition);
    return { index, errorCode: ErrorCode.NONE, baseOffset, logStartOffset: partition.startOffset };
  }
  const baseOffset = await verdict.stored;
  return { index, errorCode: ErrorCode.NONE, baseOffset, logStartOffset: partition.startOffset };
}

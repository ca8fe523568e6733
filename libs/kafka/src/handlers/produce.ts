import type { Partition, Topic } from '@genrocks/topics';
import {
  checkCrc,
  firstBatchBytes,
  magicOf,
  patchLeaderEpoch,
  readBatchHeader,
} from '@genrocks/topics/records';
import { isGenRocksError } from '@genrocks/storage';
import { LEADER_EPOCH } from '../cluster/virtual-cluster.js';
import { BatchMaker } from '../message-sets/batch-maker.js';
import { produce } from '../protocol/apis/produce.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { RequestOf, ResponseOf } from '../protocol/schema/api.js';
import { type BatchProducer, producerOf } from '../producers/batch-producer.js';
import type { PartitionProducers } from '../producers/partition-producers.js';
import { CLOSE, NO_ANSWER, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf, outcomeOf } from './error-mapping.js';
import { refusalOf } from './refusal.js';

/** The first version with record batches. */
const BATCHES_FROM = 3;
/** Position of the format version (magic byte) in a batch or message set. */
const MAGIC_AT = 16;
/** The first version in which zstd exists. */
const ZSTD_FROM = 7;

type TopicData = RequestOf<typeof produce>['topics'][number];
type PartitionData = TopicData['partitions'][number];
type PartitionAnswer = ResponseOf<typeof produce>['topics'] extends readonly (infer T)[] | undefined
  ? T extends { partitions?: readonly (infer P)[] }
    ? P
    : never
  : never;

/** The position of a stored batch. */
interface Place {
  readonly baseOffset: number;
  readonly startOffset: number;
}

/** The record format of the request. */
interface Format {
  readonly version: number;
  readonly batches: BatchMaker;
}

interface Refusal {
  readonly errorCode: ErrorCode;
}

/** Appends batches unchanged. Answers once they are as durable as the storage promises. */
export function produceRoute(broker: BrokerContext): Route {
  const batches = new BatchMaker();
  return route(
    produce,
    async (request, { version }) => {
      const { acks } = request;
      const topics = await Promise.all(
        request.topics.map(async (topic) => ({
          name: topic.name,
          partitions: await Promise.all(
            topic.partitions.map((data) => answerFor(broker, topic.name, data, acks, { version, batches })),
          ),
        })),
      );
      if (acks !== 0) return { topics };
      // With acks=0 the client reads no answer: a closed connection is the only sign of an error.
      const failed = topics.some(({ partitions }) => partitions.some(({ errorCode }) => errorCode !== 0));
      return failed ? CLOSE : NO_ANSWER;
    },
    // Batches are queued before the first await, so overlapping requests keep their order and share a sync. Message sets
    // are converted first, which awaits, so they must not overlap. Partitions are done with a batch when they answer.
    { overlaps: (_request, version) => version >= BATCHES_FROM, keepsNoBytes: true },
  );
}

async function answerFor(
  broker: BrokerContext,
  topicName: string,
  data: PartitionData,
  acks: number,
  { version, batches }: Format,
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
    const problem = version < BATCHES_FROM ? setProblemOf(records) : problemOf(records, version);
    if (problem !== undefined) return refuse(problem);
    const batch = version < BATCHES_FROM ? await batches.make(records!) : records!;
    return await append(broker, topic, partition, batch, refuse);
  } catch (error) {
    const errorCode = version < BATCHES_FROM ? errorCodeOf(error) : codeOf(error, records!);
    return refuse(errorCode, refusalOf(error).errorMessage);
  }
}

/**
 * A wrong checksum may be a network error: `CORRUPT_MESSAGE` makes clients send the batch again. If the checksum is
 * right, the producer has built a malformed batch, and sending it again would not help.
 */
function codeOf(error: unknown, batch: Buffer): ErrorCode {
  return isGenRocksError(error, 'CORRUPT_BATCH') && hasRightCrc(batch)
    ? ErrorCode.INVALID_RECORD
    : errorCodeOf(error);
}

function hasRightCrc(batch: Buffer): boolean {
  return outcomeOf(() => checkCrc(batch)) === ErrorCode.NONE;
}

/**
 * Checks the records for problems that the partition itself does not check.
 * @throws `CORRUPT_BATCH`
 */
function problemOf(records: Buffer | null, version: number): ErrorCode | undefined {
  const bytes = records === null ? undefined : firstBatchBytes(records);
  if (bytes === undefined || bytes !== records!.length || magicOf(records!) !== 2) {
    return ErrorCode.INVALID_RECORD;
  }
  const header = readBatchHeader(records!);
  if (header.transactional || header.control || header.baseOffset !== 0) return ErrorCode.INVALID_RECORD;
  if (header.producerId >= 0 && header.baseSequence < 0) return ErrorCode.INVALID_RECORD;
  if (header.logAppendTime) return ErrorCode.INVALID_TIMESTAMP;
  if (header.compression === 'zstd' && version < ZSTD_FROM) return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
  return undefined;
}

/** Checks the format version, which is at the same position in every format. */
function setProblemOf(records: Buffer | null): ErrorCode | undefined {
  if (records === null || records.length <= MAGIC_AT) return ErrorCode.CORRUPT_MESSAGE;
  return magicOf(records) > 1 ? ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT : undefined;
}

async function append(
  broker: BrokerContext,
  topic: Topic,
  partition: Partition,
  batch: Buffer,
  refuse: (errorCode: ErrorCode) => PartitionAnswer,
): Promise<PartitionAnswer> {
  patchLeaderEpoch(batch, LEADER_EPOCH);
  const producer = producerOf(batch);
  const place =
    producer === undefined
      ? await partition.append(batch, { lent: true })
      : await broker.producers.use(topic, partition, (known) =>
          appendOnce(known, partition, producer, batch),
        );
  if ('errorCode' in place) return refuse(place.errorCode);
  // Batches of non-idempotent producers count too, so that the snapshot never falls too far behind the log.
  const saving = broker.producers.stored(topic, partition);
  if (saving !== undefined) await saving;
  const { baseOffset, startOffset } = place;
  return { index: partition.index, errorCode: ErrorCode.NONE, baseOffset, logStartOffset: startOffset };
}

/** Checks and appends a batch without an await in between, so that no other batch comes between the two. */
function appendOnce(
  producers: PartitionProducers,
  partition: Partition,
  producer: BatchProducer,
  batch: Buffer,
): Promise<Place> | Place | Refusal {
  const verdict = producers.check(producer);
  if (verdict.kind === 'refuse') return verdict;
  if (verdict.kind === 'append') {
    const claim = producers.begin(producer, partition.endOffset);
    return partition.append(batch, { lent: true, claim });
  }
  const { stored } = verdict;
  const placeAt = (baseOffset: number) => ({ baseOffset, startOffset: partition.startOffset });
  return typeof stored === 'number' ? placeAt(stored) : stored.then(placeAt);
}

import { LEADER_EPOCH } from '../cluster/virtual-cluster.js';
import type { Partition } from '@genrocks/topics';
import { type AwaitedData, waitForAnyData } from '@genrocks/topics/listener';
import { fetch } from '../protocol/apis/fetch.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { RequestOf } from '../protocol/schema/api.js';
import { type MessageMagic, writeMessageSet } from '../message-sets/message-set-writer.js';
import type { AnswerMemory } from '../server/answer-memory.js';
import { type HandlerOf, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf } from './error-mapping.js';
import { AllReadPositions, type ReadPositions } from './read-positions.js';
import { withoutRepeatedPartitions } from './without-repeats.js';

/** The first versions in which messages have timestamps, and in which consumers read batches. */
const TIMESTAMPS_FROM = 2;
const BATCHES_FROM = 4;
/** From this version on, topics are identified by UUID. */
const IDS_FROM = 13;
/** Longest poll. After that the answer is empty, and the client asks again. */
const MAX_WAIT_MS = 300_000;
const READ_COMMITTED = 1;

type FetchRequest = RequestOf<typeof fetch>;

/** One requested partition. It is looked up anew on every pass, because topics come and go while a poll waits. */
interface Wanted {
  readonly index: number;
  readonly fetchOffset: number;
  readonly maxBytes: number;
  readonly currentLeaderEpoch: number;
  find(): Partition | ErrorCode;
}

interface PartitionAnswer {
  readonly index: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly abortedTransactions: readonly never[] | null;
  readonly records: readonly Buffer[];
  /** Where the client continues to read; not part of the answer. */
  readonly nextOffset: number;
}

/** Serves batches as they are stored. Waits if there is less than `min_bytes`, but answers errors at once. */
export function fetchRoute(broker: BrokerContext): Route {
  const read = new AllReadPositions();

  const serve: HandlerOf<typeof fetch> = async (request, context) => {
    // Every new fetch session is refused with id 0, so a client that continues one got it from another broker. Requests
    // with an epoch of 0 or -1 start or end a session, and name all partitions.
    if (request.sessionEpoch > 0) return { errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, topics: [] };
    const positions = context.version < IDS_FROM ? read.of(context.session, context.signal) : undefined;
    const wanted = request.topics.map((topic) =>
      topic.partitions.map((partition): Wanted => {
        return { ...partition, find: () => find(broker, topic, partition, positions) };
      }),
    );
    const deadline = performance.now() + Math.min(Math.max(request.maxWaitMs, 0), MAX_WAIT_MS);
    const limit = answerLimit(broker, request);
    for (;;) {
      const pass = new FetchPass(request, limit, context.memory);
      const answers: PartitionAnswer[][] = [];
      for (const partitions of wanted) {
        const row: PartitionAnswer[] = [];
        for (const one of partitions) row.push(await pass.read(one));
        answers.push(row);
      }
      const left = deadline - performance.now();
      if (pass.isEnough || left <= 0 || context.signal.aborted || pass.waitFor.length === 0) {
        for (const [i, { name }] of request.topics.entries()) {
          for (const { index, nextOffset } of answers[i]!) positions?.moveTo(name, index, nextOffset);
        }
        const found =
          context.version < BATCHES_FROM
            ? inMessageSets(answers, wanted, context.version < TIMESTAMPS_FROM ? 0 : 1, limit)
            : answers;
        return {
          topics: request.topics.map(({ name, topicId }, i) => ({ name, topicId, partitions: found[i]! })),
        };
      }
      context.memory.release();
      await waitForAnyData(pass.waitFor, { waitMs: left, signal: context.signal });
    }
  };
  return route(fetch, serve, { distinct });
}

function distinct(request: FetchRequest): FetchRequest {
  const topics = withoutRepeatedPartitions(
    request.topics,
    ({ name, topicId }) => `${name} ${topicId}`,
    ({ index }: { readonly index: number }) => index,
  );
  return { ...request, topics };
}

/** Reads the records of one answer, within its limits. */
class FetchPass {
  readonly waitFor: AwaitedData[] = [];
  private bytes = 0;
  private failed = false;
  /** The answer is full: further partitions are not read. */
  private isFull = false;
  /** A partition has more records than were taken, so waiting would not make the answer larger. */
  private hasMore = false;

  constructor(
    private readonly request: FetchRequest,
    private readonly maxBytes: number,
    private readonly memory: AnswerMemory,
  ) {}

  get isEnough(): boolean {
    const isReached = this.bytes >= this.request.minBytes || this.bytes >= this.maxBytes;
    return this.failed || this.isFull || this.hasMore || isReached;
  }

  async read(wanted: Wanted): Promise<PartitionAnswer> {
    const { fetchOffset, currentLeaderEpoch } = wanted;
    const partition = wanted.find();
    if (typeof partition === 'number') return this.fail(wanted, partition);
    if (currentLeaderEpoch > LEADER_EPOCH) return this.fail(wanted, ErrorCode.UNKNOWN_LEADER_EPOCH);
    const room = Math.max(0, Math.min(this.maxBytes - this.bytes, this.memory.room));
    this.isFull ||= this.bytes > 0 && room === 0;
    if (this.isFull && isReadable(partition, fetchOffset)) {
      return this.answer(wanted, ErrorCode.NONE, partition.endOffset, partition.startOffset, []);
    }
    try {
      const maxBytes = Math.max(0, Math.min(wanted.maxBytes, room));
      const { allocate } = this.memory;
      const read = await partition.readBatches({ offset: fetchOffset, maxBytes, allocate });
      // The first batch of an answer may exceed the limit, or the client could never read past it. Others may not.
      const isTooLarge = this.bytes > 0 && read.batches.length === 1 && read.batches[0]!.length > maxBytes;
      const batches = isTooLarge ? [] : read.batches;
      this.isFull ||= isTooLarge && maxBytes === room;
      this.hasMore ||= isTooLarge || read.nextOffset < read.endOffset;
      for (const batch of batches) this.bytes += batch.length;
      this.waitFor.push({ partition, offset: read.endOffset });
      const next = batches.length === 0 ? fetchOffset : read.nextOffset;
      return this.answer(wanted, ErrorCode.NONE, read.endOffset, read.startOffset, batches, next);
    } catch (error) {
      return this.fail(wanted, errorCodeOf(error), partition);
    }
  }

  private fail(wanted: Wanted, errorCode: ErrorCode, partition?: Partition): PartitionAnswer {
    this.failed = true;
    return this.answer(wanted, errorCode, partition?.endOffset ?? -1, partition?.startOffset ?? -1, []);
  }

  private answer(
    { index, fetchOffset }: Wanted,
    errorCode: ErrorCode,
    endOffset: number,
    logStartOffset: number,
    records: readonly Buffer[],
    nextOffset = fetchOffset,
  ): PartitionAnswer {
    const abortedTransactions = this.request.isolationLevel === READ_COMMITTED ? [] : null;
    return {
      index,
      errorCode,
      highWatermark: endOffset,
      lastStableOffset: endOffset,
      logStartOffset,
      abortedTransactions,
      records,
      nextOffset,
    };
  }
}

/** Converts the answers to message sets for old consumers. Keeps the limits, although unpacked messages are larger. */
function inMessageSets(
  answers: readonly PartitionAnswer[][],
  wanted: readonly Wanted[][],
  magic: MessageMagic,
  limit: number,
): PartitionAnswer[][] {
  let room = limit;
  return answers.map((row, i) =>
    row.map((answer, j) => {
      const { fetchOffset, maxBytes } = wanted[i]![j]!;
      if (room <= 0) return { ...answer, records: [] };
      try {
        const set = writeMessageSet(answer.records, magic, fetchOffset, Math.min(maxBytes, room));
        room -= set.length;
        return { ...answer, records: [set] };
      } catch (error) {
        return { ...answer, errorCode: errorCodeOf(error), records: [] };
      }
    }),
  );
}

/** @param positions undefined if the client identifies topics by UUID */
function find(
  { directory }: BrokerContext,
  { name, topicId }: FetchRequest['topics'][number],
  { index, fetchOffset }: { readonly index: number; readonly fetchOffset: number },
  positions: ReadPositions | undefined,
): Partition | ErrorCode {
  const topic = positions === undefined ? directory.byId(topicId) : directory.byName(name);
  if (topic === undefined) {
    return positions === undefined ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  }
  const partition = directory.partitionOf(topic, index);
  if (typeof partition === 'number') return partition;
  return positions?.isOfAnother(name, topic.id, index, fetchOffset) === true
    ? ErrorCode.OFFSET_OUT_OF_RANGE
    : partition;
}

function answerLimit(broker: BrokerContext, request: FetchRequest): number {
  return Math.max(1, Math.min(request.maxBytes, broker.options.maxFetchBytes));
}

/** Whether a read from this offset would succeed. */
function isReadable({ state, startOffset, endOffset }: Partition, offset: number): boolean {
  return state === 'open' && offset >= startOffset && offset <= endOffset;
}

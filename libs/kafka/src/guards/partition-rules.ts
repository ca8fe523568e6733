import { deleteRecords } from '../protocol/apis/delete-records.js';
import { fetch } from '../protocol/apis/fetch.js';
import { listOffsets } from '../protocol/apis/list-offsets.js';
import { offsetForLeaderEpoch } from '../protocol/apis/offset-for-leader-epoch.js';
import { produce } from '../protocol/apis/produce.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { Right } from '../security/access.js';
import {
  CLOSE,
  type HandlerOf,
  isSilence,
  type RequestContext,
  type Silence,
} from '../server/request.types.js';
import { type Desk, rule } from './rule.js';

/** From this version on, Fetch identifies topics by UUID. */
const IDS_FROM = 13;

interface AskedTopic {
  readonly name: string;
  readonly partitions: readonly { readonly index: number }[];
}

interface TopicAnswer {
  readonly partitions?: readonly { readonly index: number }[];
}

/** The part of a request that is served, and how its answers and the refusals are merged. */
interface Split<T extends AskedTopic> {
  readonly allowed: T[];
  readonly isWhole: boolean;
  join<A extends TopicAnswer>(answers: readonly A[], refused: RefusedAnswer): A[];
}

type RefusedAnswer = (index: number, errorCode: ErrorCode) => object;

/** Splits a request into the partitions that pass the check and those that are refused. */
function split<T extends AskedTopic>(
  topics: readonly T[],
  check: (topic: T, index: number) => ErrorCode,
): Split<T> {
  const codes = topics.map((topic) => topic.partitions.map(({ index }) => check(topic, index)));
  const isAllowed = (at: number) => (_: unknown, i: number) => codes[at]![i] === ErrorCode.NONE;
  const left = topics.map((topic, at) => ({ ...topic, partitions: topic.partitions.filter(isAllowed(at)) }));
  return {
    allowed: left.filter(({ partitions }, at) => partitions.length > 0 || codes[at]!.length === 0),
    isWhole: codes.every((row) => row.every((code) => code === ErrorCode.NONE)),
    join<A extends TopicAnswer>(answers: readonly A[], refused: RefusedAnswer): A[] {
      let next = 0;
      return topics.map((topic, at) => {
        const isServed = left[at]!.partitions.length > 0 || codes[at]!.length === 0;
        const answer = isServed ? answers[next++] : undefined;
        let nextPartition = 0;
        const partitions = topic.partitions.map(({ index }, i) => {
          const code = codes[at]![i]!;
          return code === ErrorCode.NONE ? answer!.partitions![nextPartition++] : refused(index, code);
        });
        return { ...topic, ...answer, partitions } as unknown as A;
      });
    },
  };
}

/** Serves the allowed partitions, and inserts the refusals at their positions. */
async function servePartitions<
  T extends AskedTopic,
  Answer extends { readonly topics?: readonly TopicAnswer[] },
>(
  topics: readonly T[],
  check: (topic: T, index: number) => ErrorCode,
  refused: RefusedAnswer,
  serve: (allowed: T[]) => Answer | Silence | Promise<Answer | Silence>,
): Promise<Answer | Silence> {
  const part = split(topics, check);
  const answer = await serve(part.allowed);
  if (part.isWhole || isSilence(answer)) return answer;
  return { ...answer, topics: part.join(answer.topics ?? [], refused) };
}

/** Checks the right first: a client that may not see a topic must not learn which broker leads its partitions. */
function checkBy(desk: Desk, context: RequestContext, right: Right | 'see') {
  return ({ name }: AskedTopic, index: number): ErrorCode =>
    desk.topic(context, right, name) || desk.partition(context, name, index);
}

export const produceRule = rule(produce, (handle, desk) => async (request, context) => {
  const part = split(request.topics, checkBy(desk, context, 'write'));
  if (part.isWhole) return handle(request, context);
  const answer = await handle({ ...request, topics: part.allowed }, context);
  // With acks=0 there is no answer: only a closed connection tells the client of a refusal.
  if (isSilence(answer)) return CLOSE;
  const refused = (index: number, errorCode: ErrorCode) => ({ index, errorCode, baseOffset: -1 });
  return { ...answer, topics: part.join(answer.topics ?? [], refused) };
});

type FetchHandler = HandlerOf<typeof fetch>;

/** A poll may wait for minutes. If the client's rights change meanwhile, the fetch is repeated with the new ones. */
export const fetchRule = rule(fetch, (handle, desk): FetchHandler => {
  const serve = guardedFetch(handle, desk);
  return async (request, context) => {
    const answer = await serve(request, context);
    const access = context.accessOf(context.session);
    if (access === context.access) return answer;
    context.memory.release();
    return serve({ ...request, maxWaitMs: 0 }, { ...context, access });
  };
});

const guardedFetch =
  (handle: FetchHandler, desk: Desk): FetchHandler =>
  async (request, context) => {
    const named = request.topics.map((topic) => {
      const name = context.version < IDS_FROM ? topic.name : desk.directory.byId(topic.topicId)?.name;
      return { ...topic, name: name ?? '' };
    });
    const part = split(named, (topic, index) => {
      if (context.version < IDS_FROM) return checkBy(desk, context, 'read')(topic, index);
      // An unknown UUID and the UUID of a hidden topic must look the same.
      if (topic.name === '') return ErrorCode.NONE;
      if (!context.access.topic('see', topic.name)) return ErrorCode.UNKNOWN_TOPIC_ID;
      return checkBy(desk, context, 'read')(topic, index);
    });
    if (part.isWhole) return handle(request, context);
    // There are errors to report, so do not wait for data.
    const answer = await handle({ ...request, topics: part.allowed, maxWaitMs: 0 }, context);
    if (isSilence(answer) || (answer.errorCode ?? 0) !== 0) return answer;
    const topics = part.join(answer.topics ?? [], (index, errorCode) => ({
      index,
      errorCode,
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      abortedTransactions: null,
      records: [],
    }));
    return { ...answer, topics };
  };

export const listOffsetsRule = rule(listOffsets, (handle, desk) => (request, context) => {
  const refused = (index: number, errorCode: ErrorCode) => ({ index, errorCode });
  return servePartitions(request.topics, checkBy(desk, context, 'see'), refused, (topics) =>
    handle({ ...request, topics }, context),
  );
});

export const deleteRecordsRule = rule(deleteRecords, (handle, desk) => (request, context) => {
  const refused = (index: number, errorCode: ErrorCode) => ({ index, errorCode, lowWatermark: -1 });
  return servePartitions(request.topics, checkBy(desk, context, 'admin'), refused, (topics) =>
    handle({ ...request, topics }, context),
  );
});

export const leaderEpochRule = rule(offsetForLeaderEpoch, (handle, desk) => (request, context) => {
  const refused = (index: number, errorCode: ErrorCode) => ({ index, errorCode });
  return servePartitions(request.topics, checkBy(desk, context, 'see'), refused, (topics) =>
    handle({ ...request, topics }, context),
  );
});

import { LEADER_EPOCH } from '../cluster/virtual-cluster.js';
import type { Partition } from '@genrocks/topics';
import { listOffsets } from '../protocol/apis/list-offsets.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { RequestOf } from '../protocol/schema/api.js';
import { type HandlerOf, type RequestContext, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import { errorCodeOf } from './error-mapping.js';
import { withoutRepeatedPartitions } from './without-repeats.js';

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
/** The start of the data on local disk. Nothing is moved to other storage here, so it equals `EARLIEST`. */
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
/** The first version that supports each special timestamp. */
const PLACES_FROM: ReadonlyMap<number, number> = new Map([
  [LATEST, 0],
  [EARLIEST, 0],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
]);

interface Found {
  readonly offset: number;
  readonly timestamp: number;
}

type Asked = RequestOf<typeof listOffsets>['topics'][number]['partitions'][number];

interface Answer extends Partial<Found> {
  readonly index: number;
  readonly errorCode: ErrorCode;
  readonly leaderEpoch?: number;
  readonly oldStyleOffsets?: number[];
}

const NOTHING: Found = { offset: -1, timestamp: -1 };

/** Finds the ends of partitions, or offsets by time. One partition at a time, because each search reads batches. */
export function listOffsetsRoute(broker: BrokerContext): Route {
  const serve: HandlerOf<typeof listOffsets> = async (request, context) => {
    const topics: { name: string; partitions: Answer[] }[] = [];
    for (const { name, partitions } of request.topics) {
      const answers: Answer[] = [];
      for (const one of partitions) answers.push(await answerFor(broker, name, one, context));
      topics.push({ name, partitions: answers });
    }
    return { topics };
  };
  return route(listOffsets, serve, {
    distinct: (request) => ({
      ...request,
      topics: withoutRepeatedPartitions(
        request.topics,
        ({ name }) => name,
        ({ index }: Asked) => index,
      ),
    }),
  });
}

async function answerFor(
  { directory }: BrokerContext,
  topic: string,
  { index, timestamp, currentLeaderEpoch, maxNumOffsets }: Asked,
  { version, signal }: RequestContext,
): Promise<Answer> {
  const partition = directory.partition(topic, index);
  if (typeof partition === 'number') return { index, errorCode: partition };
  if (currentLeaderEpoch > LEADER_EPOCH) return { index, errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH };
  if (timestamp < 0 && version < (PLACES_FROM.get(timestamp) ?? Infinity)) {
    return { index, errorCode: ErrorCode.UNSUPPORTED_VERSION };
  }
  try {
    const found = await find(partition, timestamp, signal);
    const leaderEpoch = found.offset < 0 ? -1 : LEADER_EPOCH;
    const oldStyleOffsets = version === 0 && maxNumOffsets > 0 && found.offset >= 0 ? [found.offset] : [];
    return { index, errorCode: ErrorCode.NONE, ...found, leaderEpoch, oldStyleOffsets };
  } catch (error) {
    // The listener is stopping or the client is gone. A retriable code lets the client ask again after a restart.
    const errorCode = signal.aborted ? ErrorCode.NOT_LEADER_OR_FOLLOWER : errorCodeOf(error);
    return { index, errorCode };
  }
}

async function find(partition: Partition, timestamp: number, signal: AbortSignal): Promise<Found> {
  if (timestamp === LATEST) return { offset: partition.endOffset, timestamp: -1 };
  if (timestamp === EARLIEST || timestamp === EARLIEST_LOCAL) {
    return { offset: partition.startOffset, timestamp: -1 };
  }
  if (timestamp === LATEST_TIERED) return NOTHING;
  if (timestamp === MAX_TIMESTAMP) return newest(partition, signal);
  return (await partition.offsetForTimestamp(timestamp, signal)) ?? NOTHING;
}

/** The record with the greatest timestamp of the last batch, which normally has the greatest of all. */
async function newest(partition: Partition, signal: AbortSignal): Promise<Found> {
  if (partition.endOffset === partition.startOffset) return NOTHING;
  const { batches } = await partition.readBatches({ offset: partition.endOffset - 1 });
  const last = batches.at(-1);
  if (last === undefined) return NOTHING;
  const maxTimestamp = Number(last.readBigInt64BE(35));
  return (await partition.offsetForTimestamp(maxTimestamp, signal)) ?? NOTHING;
}

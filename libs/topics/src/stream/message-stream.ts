import { InvalidMessageError } from '../errors.js';
import { offsetOf } from '../groups/offset-target.js';
import type { StartFrom } from '../groups/group.types.js';
import type { Message } from '../message.js';
import { MessageCursor } from '../partition/message-cursor.js';
import type { Partition } from '../partition/partition.js';
import { waitForAnyData } from '../partition/wait-for-any.js';
import { ProcessHold } from '../process-hold.js';
import { Turn } from '../turn.js';

/** Which messages a stream reads. */
export interface MessageStreamOptions {
  /** Where to begin in every partition. Default `earliest`. */
  from?: StartFrom;
  /** Partitions to read. Default: all that exist when the stream begins. */
  partitions?: readonly number[];
  /** True: continues with new messages. False: ends at the last message that was there at the beginning. Default true. */
  live?: boolean;
  /** Ends the stream, without an error. */
  signal?: AbortSignal;
}

/** How many messages are taken from one partition before the next has its turn. */
const PAGE = 100;
const PAGE_BYTES = 256 * 1024;

interface Reading<T> {
  readonly partition: Partition;
  readonly cursor: MessageCursor<T>;
  /** The offset at which reading ends. */
  readonly end: number;
}

/**
 * Reads messages of partitions on demand, at most one page ahead. Each partition keeps its order, and partitions take turns.
 * A partition that closes drops out.
 * @throws `OFFSET_OUT_OF_RANGE` if retention overtook the reader, and as `Partition.readMessages`
 */
export async function* streamMessages<T>(
  partitions: readonly Partition[],
  { from = 'earliest', live = true, signal }: MessageStreamOptions,
): AsyncGenerator<Message<T>, void, undefined> {
  const turn = new Turn();
  const isAborted = () => signal?.aborted === true;
  let readings: Reading<T>[] = [];
  for (const partition of partitions) {
    const end = live ? Infinity : partition.endOffset;
    const offset = await offsetOf(partition, from, signal).catch((error: unknown) => {
      if (!isAborted()) throw error;
    });
    if (offset === undefined) return;
    readings.push({ partition, end, cursor: new MessageCursor<T>(partition, offset) });
  }
  while (!isAborted()) {
    readings = readings.filter(isOpen);
    if (readings.length === 0) return;
    const ready = readings.filter(hasData);
    if (ready.length === 0) await anyData(readings, signal);
    for (const { partition, cursor, end } of ready) {
      if (partition.state !== 'open') continue;
      for (const message of await cursor.read(PAGE, PAGE_BYTES)) {
        if (isAborted()) return;
        if (message.offset < end) yield message;
      }
      const over = turn.over();
      if (over !== undefined) await over;
    }
  }
}

/** @throws {InvalidMessageError} `INVALID_MESSAGE` for options of a wrong type */
export function assertStreamOptions({ live, partitions }: MessageStreamOptions): void {
  if (live !== undefined && typeof live !== 'boolean')
    throw new InvalidMessageError('live must be true or false');
  if (partitions !== undefined && !Array.isArray(partitions)) {
    throw new InvalidMessageError('partitions must be a list of numbers');
  }
}

function isOpen({ partition, cursor, end }: Reading<unknown>): boolean {
  return partition.state === 'open' && cursor.nextOffset < end;
}

function hasData({ partition, cursor }: Reading<unknown>): boolean {
  return partition.endOffset > cursor.nextOffset || partition.startOffset > cursor.nextOffset;
}

async function anyData(
  readings: readonly Reading<unknown>[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const hold = new ProcessHold();
  const places = readings.map(({ partition, cursor }) => ({ partition, offset: cursor.nextOffset }));
  try {
    await waitForAnyData(places, signal === undefined ? {} : { signal });
  } finally {
    hold.release();
  }
}

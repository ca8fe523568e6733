import { setImmediate as nextTurn } from 'node:timers/promises';
import { isGenRocksError } from '@genrocks/storage';
import { baseOffsetOf, maxTimestampOf, nextOffsetOf } from '../records/batch-header.js';
import { BatchReader } from '../records/batch-reader.js';
import type { PartitionReader } from './partition-reader.js';
import type { OffsetForTimestamp } from './read.types.js';

/**
 * Batches one search may unpack. The first contains the record, unless its producer stated a newest timestamp
 * that no record has. Bounded because each may unpack to 64 MiB.
 */
const MAX_OPENED = 4;
/** Bytes per read while scanning batches. */
const PAGE_BYTES = 1024 * 1024;

/** Where to search. */
export interface TimeRange {
  readonly startOffset: number;
  readonly endOffset: number;
  /** No batch is older than the newest one before it by more than this many milliseconds. */
  readonly disorder: number;
  /** Called before every read, since a search may read a lot. Throws if the search is to end. */
  readonly assertWanted: () => void;
}

/**
 * Finds the first record, in offset order, that is not before a time. Usually only the batch it lies in is
 * unpacked.
 *
 * After the record, every batch's newest timestamp is at least `timestamp - disorder`. So a binary search for
 * that time, by the batches' newest timestamps, finds a batch that does not lie after the record. From there
 * the search scans batch by batch, over as much time as the disorder; if timestamps only grow, the first
 * batch is the one.
 *
 * If the batch cannot be unpacked, or several batches have no such record although their headers say so, the
 * result is the start of the next such batch. A reader that starts there misses nothing.
 */
export async function searchTime(
  reader: PartitionReader,
  timestamp: number,
  range: TimeRange,
): Promise<OffsetForTimestamp | null> {
  const { startOffset } = range;
  const near = await lowerBound(reader, timestamp - range.disorder, range);
  if (near === undefined) return null;
  let opened = 0;
  for await (const batch of batchesFrom(reader, near, range)) {
    if (maxTimestampOf(batch) < timestamp) continue;
    if (opened++ === MAX_OPENED) return placeOf(batch, startOffset);
    // Unpacking may take long, and a request may search many partitions, so yield to the event loop in
    // between.
    await nextTurn();
    const found = findRecord(batch, timestamp, startOffset);
    if (found !== undefined) return found;
  }
  return null;
}

/**
 * Finds a batch that is not older than `timestamp`. If from some batch on none is older, the result does not
 * lie after that batch.
 */
async function lowerBound(
  reader: PartitionReader,
  timestamp: number,
  { startOffset, endOffset, assertWanted }: TimeRange,
): Promise<Buffer | undefined> {
  let low = startOffset;
  let high = endOffset;
  let found: Buffer | undefined;
  while (low < high) {
    assertWanted();
    const middle = Math.floor((low + high) / 2);
    const batch = await reader.at(middle, endOffset);
    if (batch === undefined) high = middle;
    else if (maxTimestampOf(batch) < timestamp) low = Math.max(nextOffsetOf(batch), middle + 1);
    else {
      found = batch;
      high = Math.min(middle, baseOffsetOf(batch));
    }
  }
  return found;
}

/** The batch and those after it, read on demand. */
async function* batchesFrom(
  reader: PartitionReader,
  first: Buffer,
  { endOffset, assertWanted }: TimeRange,
): AsyncGenerator<Buffer, void, undefined> {
  let batches = [first];
  while (batches.length > 0) {
    yield* batches;
    assertWanted();
    const next = nextOffsetOf(batches.at(-1)!);
    batches = next < endOffset ? await reader.read(next, PAGE_BYTES, endOffset) : [];
  }
}

function findRecord(batch: Buffer, timestamp: number, from: number): OffsetForTimestamp | undefined {
  try {
    const reader = new BatchReader(batch, { verify: false });
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      if (record.offset >= from && record.timestamp >= timestamp) {
        return { offset: record.offset, timestamp: record.timestamp };
      }
    }
    return undefined;
  } catch (error) {
    if (isGenRocksError(error, 'CORRUPT_BATCH') || isGenRocksError(error, 'UNSUPPORTED_COMPRESSION')) {
      return placeOf(batch, from);
    }
    throw error;
  }
}

/** The position according to the header alone. */
function placeOf(batch: Buffer, from: number): OffsetForTimestamp {
  return { offset: Math.max(baseOffsetOf(batch), from), timestamp: maxTimestampOf(batch) };
}

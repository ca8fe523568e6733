import { setImmediate as nextTurn } from 'node:timers/promises';
import { isGenRocksError } from '@genrocks/storage';
import { baseOffsetOf, maxTimestampOf, nextOffsetOf } from '../records/batch-header.js';
import { BatchReader } from '../records/batch-reader.js';
import type { PartitionReader } from './partition-reader.js';
import type { OffsetForTimestamp } from './read.types.js';

/**
 * Batches whose records one search looks at. The first has the record, unless its producer has stated a newest
 * timestamp that none of its records has; and each may unpack to 64 MiB.
 */
const MAX_OPENED = 4;
/** Read at once where batches are looked at one after the other. */
const PAGE_BYTES = 1024 * 1024;

/** Where to search. */
export interface TimeRange {
  readonly startOffset: number;
  readonly endOffset: number;
  /** No batch is older than the newest one before it by more than this, in milliseconds. */
  readonly disorder: number;
  /** Called before every read: throws where the search is to end, which may have much to read. */
  readonly assertWanted: () => void;
}

/**
 * The first record, in the order of offsets, that is not before a time; only the one batch it lies in is unpacked.
 *
 * Binary search by the batches' newest timestamps leads to a batch that the record cannot lie before: behind the record,
 * every batch states at least the time less the disorder. From there batches are looked at one by one, which are those of
 * as much time as the disorder; none where timestamps go forward.
 *
 * Where the batch cannot be unpacked, or one batch after the other has no such record though its header says so, it is
 * where the next such batch begins: whoever reads from there misses nothing.
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
    // Unpacking may take long, and a request may search many partitions: others have their turn in between.
    await nextTurn();
    const found = findRecord(batch, timestamp, startOffset);
    if (found !== undefined) return found;
  }
  return null;
}

/** A batch of at least this time, before which there is none behind which all are of at least this time. */
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

/** The batch, and those after it, as far as they are asked for. */
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

/** What the header alone tells. */
function placeOf(batch: Buffer, from: number): OffsetForTimestamp {
  return { offset: Math.max(baseOffsetOf(batch), from), timestamp: maxTimestampOf(batch) };
}

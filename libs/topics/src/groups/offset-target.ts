import { InvalidGroupError } from '../errors.js';
import type { Partition } from '../partition/partition.js';
import type { StartFrom } from './group.types.js';

/**
 * Resolves a position to an offset in a partition; out of range, to the nearest end.
 * @param signal aborts the search for a time, which then fails with the signal's reason
 * @throws {InvalidGroupError} `INVALID_GROUP` for an invalid position; `TOPIC_STOPPED`,
 *   `PARTITION_UNAVAILABLE`, or the store's error
 * @publicApi
 */
export async function offsetOf(partition: Partition, at: StartFrom, signal?: AbortSignal): Promise<number> {
  const { startOffset, endOffset } = partition;
  if (at === 'earliest') return startOffset;
  if (at === 'latest') return endOffset;
  if ('offset' in at) {
    if (!Number.isInteger(at.offset))
      throw new InvalidGroupError('the offset to move to must be a whole number');
    return Math.min(Math.max(at.offset, startOffset), endOffset);
  }
  if (!Number.isSafeInteger(at.timestamp)) {
    throw new InvalidGroupError(
      'the timestamp to move to must be in milliseconds since 1970, a whole number',
    );
  }
  return (await partition.offsetForTimestamp(at.timestamp, signal))?.offset ?? endOffset;
}

import { InvalidGroupError } from '../errors.js';
import type { Partition } from '../partition/partition.js';
import type { StartFrom } from './group.types.js';

/**
 * The offset a place means in a partition now; outside of what is there, the nearest end.
 * @param signal ends the search for a time: it fails with the signal's reason
 * @throws {InvalidGroupError} `INVALID_GROUP` for what is no place; `TOPIC_STOPPED`, or what the store says
 * @publicApi
 */
export async function offsetOf(partition: Partition, at: StartFrom, signal?: AbortSignal): Promise<number> {
  const { startOffset, endOffset } = partition;
  if (at === 'earliest') return startOffset;
  if (at === 'latest') return endOffset;
  if ('offset' in at) {
    if (!Number.isInteger(at.offset))
      throw new InvalidGroupError('the offset to go to must be a whole number');
    return Math.min(Math.max(at.offset, startOffset), endOffset);
  }
  if (!Number.isSafeInteger(at.timestamp)) {
    throw new InvalidGroupError('the timestamp to go to must be milliseconds since 1970');
  }
  return (await partition.offsetForTimestamp(at.timestamp, signal))?.offset ?? endOffset;
}

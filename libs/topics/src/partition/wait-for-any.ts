import { setMaxListeners } from 'node:events';
import type { Partition } from './partition.js';
import type { WaitOptions } from './read.types.js';

/** A place in a partition, whose next record is waited for. */
export interface AwaitedData {
  /** Where they are waited for. */
  readonly partition: Partition;
  /** Records from this offset on are waited for. */
  readonly offset: number;
}

/**
 * As `Partition.waitForData`, of several partitions: true as soon as one of them has a record at or after its offset;
 * false where the wait ended first, or one of them was closed. Without partitions there is nothing to wait for: false.
 *
 * @publicApi
 */
export async function waitForAnyData(
  places: readonly AwaitedData[],
  { waitMs, signal }: WaitOptions = {},
): Promise<boolean> {
  if (places.length === 0 || signal?.aborted === true) return false;
  const ending = new AbortController();
  // Every partition listens to it, and Node takes more than ten for a leak.
  setMaxListeners(0, ending.signal);
  const end = () => ending.abort();
  signal?.addEventListener('abort', end, { once: true });
  const options = { signal: ending.signal, ...(waitMs === undefined ? {} : { waitMs }) };
  try {
    return await Promise.race(places.map(({ partition, offset }) => partition.waitForData(offset, options)));
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
}

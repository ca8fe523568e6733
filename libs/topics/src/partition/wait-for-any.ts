import { setMaxListeners } from 'node:events';
import type { Partition } from './partition.js';
import type { WaitOptions } from './read.types.js';

/** An offset in a partition to wait for. */
export interface AwaitedData {
  /** The partition to wait for. */
  readonly partition: Partition;
  /** The wait ends when there is a record at or after this offset. */
  readonly offset: number;
}

/**
 * Waits for data in several partitions, as `Partition.waitForData` does in one. Resolves true as soon as one
 * of them has a record at or after its offset; false if the wait ends first, one of them is closed, or
 * `places` is empty.
 *
 * @publicApi
 */
export async function waitForAnyData(
  places: readonly AwaitedData[],
  { waitMs, signal }: WaitOptions = {},
): Promise<boolean> {
  if (places.length === 0 || signal?.aborted === true) return false;
  const ending = new AbortController();
  // Every partition adds a listener, and Node warns of a leak above ten.
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

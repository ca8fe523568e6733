/**
 * Jump consistent hash (Lamping and Veach, 2014): a bucket from 0 to `count - 1`. When a bucket is added, a hash
 * either keeps its bucket or moves to the new one.
 *
 * @param hash 32 bits; it seeds the random numbers that decide at which counts the hash jumps
 */
export function jumpHash(hash: number, count: number): number {
  let state = hash | 0;
  let bucket = 0;
  for (let next = 0; next < count;) {
    bucket = next;
    state = (state + 0x6d2b79f5) | 0;
    next = Math.floor((bucket + 1) / uniform(state));
  }
  return bucket;
}

/** Mixes 32 bits into a number above 0, up to 1 (the finish of mulberry32). */
function uniform(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (((mixed ^ (mixed >>> 14)) >>> 0) + 1) / 0x1_0000_0000;
}

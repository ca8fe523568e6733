const SEED = 0x9747b28c | 0;
const M = 0x5bd1e995;
const R = 24;

/** MurmurHash2 as Kafka's Java client computes it: 32 bits, signed. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = SEED ^ length;
  let i = 0;
  for (const last = length & ~3; i < last; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    k = Math.imul(k, M);
    hash = Math.imul(hash, M) ^ k;
  }
  const tail = length & 3;
  if (tail > 0) {
    if (tail === 3) hash ^= bytes[i + 2]! << 16;
    if (tail >= 2) hash ^= bytes[i + 1]! << 8;
    hash = Math.imul(hash ^ bytes[i]!, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

import { crc32 } from 'node:zlib';

/**
 * A Bloom filter in pages: all bits of a key lie in one page, so a lookup reads one page whatever the size of the
 * filter. With ten bits and six probes per key, about one in a hundred absent keys passes. Each page ends with the
 * CRC-32 of its bytes, since a lost bit would hide a key.
 */
export const BLOOM_PAGE_BYTES = 512;
const CRC_AT = BLOOM_PAGE_BYTES - 4;
const PAGE_BITS = CRC_AT * 8;
const BITS_PER_KEY = 10;
const PROBES = 6;

export function bloomPages(keys: number): number {
  return Math.max(1, Math.ceil((keys * BITS_PER_KEY) / PAGE_BITS));
}

export function bloomPageOf(hash: number, pages: number): number {
  return hash % pages;
}

/** Double hashing: the first probe of a key, and the step to the next. The step is odd, so it is never 0. */
const firstProbe = (hash: number) => Math.imul(hash, 0x9e3779b1) >>> 0;
const probeStep = (hash: number) => (Math.imul(hash, 0x85ebca77) >>> 0) | 1;
const bitOf = (probe: number) => (probe >>> 4) % PAGE_BITS;

export function addToBloom(bloom: Buffer, hash: number, pages: number): void {
  const base = bloomPageOf(hash, pages) * BLOOM_PAGE_BYTES;
  const step = probeStep(hash);
  let probe = firstProbe(hash);
  for (let i = 0; i < PROBES; i++) {
    const bit = bitOf(probe);
    bloom[base + (bit >>> 3)]! |= 1 << (bit & 7);
    probe = (probe + step) >>> 0;
  }
}

/** Writes every page's checksum, once all keys have been added. */
export function sealBloom(bloom: Buffer, pages: number): void {
  for (let base = 0; base < pages * BLOOM_PAGE_BYTES; base += BLOOM_PAGE_BYTES) {
    bloom.writeUInt32BE(crc32(bloom.subarray(base, base + CRC_AT)), base + CRC_AT);
  }
}

/** Whether the page named by {@link bloomPageOf} may contain this key. False is certain. */
export function mayHold(page: Buffer, hash: number): boolean {
  const step = probeStep(hash);
  let probe = firstProbe(hash);
  for (let i = 0; i < PROBES; i++) {
    const bit = bitOf(probe);
    if ((page[bit >>> 3]! & (1 << (bit & 7))) === 0) return false;
    probe = (probe + step) >>> 0;
  }
  return true;
}

import { crc32 } from 'node:zlib';

/**
 * A Bloom filter in pages: all bits of a key lie in one page, so that asking it reads one page however large it is.
 * Ten bits and six probes a key: about one in a hundred keys that are not there passes. A page ends with the CRC-32 of
 * its bits, since a bit that was lost would hide a key.
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

export function addToBloom(bloom: Buffer, hash: number, pages: number): void {
  const base = bloomPageOf(hash, pages) * BLOOM_PAGE_BYTES;
  forEachProbe(hash, (bit) => {
    bloom[base + (bit >>> 3)]! |= 1 << (bit & 7);
    return true;
  });
}

/** Writes every page's checksum, once all keys are in. */
export function sealBloom(bloom: Buffer, pages: number): void {
  for (let base = 0; base < pages * BLOOM_PAGE_BYTES; base += BLOOM_PAGE_BYTES) {
    bloom.writeUInt32BE(crc32(bloom.subarray(base, base + CRC_AT)), base + CRC_AT);
  }
}

/** May the page that {@link bloomPageOf} names hold this key? False is certain. */
export function mayHold(page: Buffer, hash: number): boolean {
  return forEachProbe(hash, (bit) => (page[bit >>> 3]! & (1 << (bit & 7))) !== 0);
}

/** Double hashing; the step is odd, so that no two probes of a key are the same bit. */
function forEachProbe(hash: number, visit: (bit: number) => boolean): boolean {
  let value = Math.imul(hash, 0x9e3779b1) >>> 0;
  const step = (Math.imul(hash, 0x85ebca77) >>> 0) | 1;
  for (let i = 0; i < PROBES; i++) {
    if (!visit((value >>> 4) % PAGE_BITS)) return false;
    value = (value + step) >>> 0;
  }
  return true;
}

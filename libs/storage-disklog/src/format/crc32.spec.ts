import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from './crc32.js';

describe('crc32', () => {
  it('is that of the standard', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(crc32(Buffer.alloc(0), 7)).toBe(7);
  });

  it('is that of zlib for any bytes, wherever they lie in memory and whatever came before', () => {
    const from = fc.integer({ min: 0, max: 0xffff_ffff });
    const bytes = fc.uint8Array({ maxLength: 3_000, size: 'max' });
    fc.assert(
      fc.property(bytes, fc.nat({ max: 20 }), from, (all, skip, before) => {
        const part = Buffer.from(all).subarray(skip);
        expect(crc32(part, before)).toBe(zlibCrc32(part, before));
        const middle = part.length >>> 1;
        expect(crc32(part.subarray(middle), crc32(part.subarray(0, middle)))).toBe(zlibCrc32(part));
      }),
      { numRuns: 60 },
    );
  });
});

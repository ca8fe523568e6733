import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { putNumber, putUint16, putUint32, uint16, uint32 } from './big-endian.js';

describe('numbers in files', () => {
  it('have the bytes that the methods of a buffer write and read', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.nat(9), (number, at) => {
        const bytes = Buffer.alloc(16, 0xaa);
        const expected = Buffer.alloc(16, 0xaa);
        expect(putUint32(bytes, at, number)).toBe(expected.writeUInt32BE(number, at));
        expect(uint32(bytes, at)).toBe(number);
        expect(putUint16(bytes, at + 5, number >>> 16)).toBe(expected.writeUInt16BE(number >>> 16, at + 5));
        expect(uint16(bytes, at + 5)).toBe(number >>> 16);
        expect(bytes).toEqual(expected);
      }),
    );
  });

  it('take as many bytes as they are given', () => {
    const sized = fc.integer({ min: 1, max: 8 }).chain((width) =>
      fc.tuple(
        fc.constant(width),
        fc.maxSafeNat().map((number) => number % Math.min(2 ** (8 * width), 2 ** 53)),
      ),
    );
    fc.assert(
      fc.property(sized, ([width, number]) => {
        const bytes = Buffer.alloc(12, 0xaa);
        const expected = Buffer.alloc(12, 0xaa);
        for (let i = width - 1, rest = number; i >= 0; i--, rest = Math.floor(rest / 256))
          expected[2 + i] = rest % 256;
        expect(putNumber(bytes, 2, number, width)).toBe(2 + width);
        expect(bytes).toEqual(expected);
      }),
    );
  });
});

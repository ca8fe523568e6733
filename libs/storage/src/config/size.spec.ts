import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isGenRocksError } from '../errors.js';
import { formatSize, parseSize } from './index.js';

describe('parseSize', () => {
  it.each([
    [0, 0],
    [512, 512],
    ['512', 512],
    ['512B', 512],
    ['10 KB', 10 * 1024],
    ['10kib', 10 * 1024],
    ['50MB', 50 * 1024 ** 2],
    ['10MiB', 10 * 1024 ** 2],
    ['1.5g', 1.5 * 1024 ** 3],
    [' 2 TiB ', 2 * 1024 ** 4],
    ['0.1KB', 102],
  ])('reads %j as %d bytes', (size, bytes) => {
    expect(parseSize(size)).toBe(bytes);
  });

  it.each(['', 'MB', '-1', '1e3', '10XB', '10ib', '10 M B', '1,5MB', 'NaN', '9999999PB'])(
    'refuses %j',
    (size) => {
      expect(() => parseSize(size)).toThrow(/is not a size/);
    },
  );

  it.each([-1, 1.5, NaN, Infinity, 2 ** 53, null, {}, undefined])('refuses %j', (size) => {
    try {
      parseSize(size as number);
      expect.unreachable();
    } catch (error) {
      expect(isGenRocksError(error, 'INVALID_ARGUMENT')).toBe(true);
    }
  });

  it('reads back what formatSize writes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 0, max: 3 }), (count, power) => {
        const bytes = Math.floor(count / 1024 ** power) * 1024 ** power;
        expect(parseSize(formatSize(bytes))).toBe(bytes);
      }),
    );
    expect(formatSize(10_485_760)).toBe('10MB');
    expect(formatSize(1536)).toBe('1536');
  });
});

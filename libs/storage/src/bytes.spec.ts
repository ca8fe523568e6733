import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isGenRocksError,
  keyFromString,
  keyToString,
  type ScanOptions,
  toBuffer,
  toKeyRange,
} from './index.js';

// Few byte values, so that keys often share prefixes; 0x00 and 0xff are where ranges break.
const byte = fc.constantFrom(0x00, 0x01, 0x61, 0x7f, 0x80, 0xfe, 0xff);
const key = fc.array(byte, { maxLength: 4 }).map((bytes) => Buffer.from(bytes));
const conditions: fc.Arbitrary<ScanOptions> = fc.record(
  { prefix: key, gt: key, gte: key, lt: key, lte: key },
  { requiredKeys: [] },
);

function holds(options: ScanOptions, candidate: Buffer): boolean {
  const order = (bound: ScanOptions['gt']) => candidate.compare(bound as Buffer);
  const { gt, gte, lt, lte, prefix } = options;
  return (
    (gt === undefined || order(gt) > 0) &&
    (gte === undefined || order(gte) >= 0) &&
    (lt === undefined || order(lt) < 0) &&
    (lte === undefined || order(lte) <= 0) &&
    (prefix === undefined || candidate.subarray(0, prefix.length).equals(prefix as Buffer))
  );
}

describe('toKeyRange', () => {
  it('holds exactly the keys for which all conditions hold', () => {
    fc.assert(
      fc.property(conditions, fc.array(key), (options, candidates) => {
        const { lower, upper } = toKeyRange(options);
        for (const candidate of candidates) {
          const text = keyToString(candidate);
          const inRange = text >= lower && (upper === undefined || text < upper);
          expect(inRange, candidate.toString('hex')).toBe(holds(options, candidate));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps direction and limit, and refuses an invalid limit', () => {
    expect(toKeyRange()).toEqual({
      lower: '',
      upper: undefined,
      reverse: false,
      limit: Infinity,
      maxBytes: Infinity,
    });
    expect(toKeyRange({ reverse: true, limit: 0 })).toMatchObject({ reverse: true, limit: 0 });
    for (const limit of [-1, 0.5, NaN, -Infinity, '1', null] as number[]) {
      expect(() => toKeyRange({ limit })).toThrow(/limit must be a whole number from 0/);
      expect(() => toKeyRange({ maxBytes: limit })).toThrow(/maxBytes must be a whole number from 0/);
    }
  });
});

describe('keyToString', () => {
  it('keeps every byte, and the order of bytes', () => {
    const any = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(any, any, (a, b) => {
        expect(keyFromString(keyToString(a))).toEqual(a);
        const [x, y] = [keyToString(a), keyToString(b)];
        expect(x < y ? -1 : x > y ? 1 : 0).toBe(a.compare(b));
      }),
    );
  });

  it('uses the UTF-8 bytes of text', () => {
    expect(keyFromString(keyToString('é🚀'))).toEqual(Buffer.from('é🚀', 'utf8'));
  });
});

describe('toKeyRange', () => {
  it('returns a boolean for reverse, whatever is given', () => {
    expect([undefined, false, 0, true, 1].map((reverse) => toKeyRange({ reverse } as never).reverse)).toEqual(
      [false, false, false, true, true],
    );
  });
});

describe('toBuffer', () => {
  it('shows the bytes of a view without copying them', () => {
    const memory = Uint8Array.from([1, 2, 3, 4]);
    const buffer = toBuffer(memory.subarray(1, 3));
    expect([...buffer]).toEqual([2, 3]);
    memory[1] = 9;
    expect(buffer[0]).toBe(9);
    const same = Buffer.from('x');
    expect(toBuffer(same)).toBe(same);
  });

  it('explains why anything else is refused', () => {
    for (const wrong of [null, undefined, 5, {}, [1], new ArrayBuffer(1), new Uint16Array(1)]) {
      let error: unknown;
      try {
        toBuffer(wrong as never, 'key');
      } catch (thrown) {
        error = thrown;
      }
      expect(isGenRocksError(error, 'INVALID_ARGUMENT')).toBe(true);
      expect((error as Error).message).toMatch(/^key must be a string or a Uint8Array, not (null|\w+)/);
    }
  });
});

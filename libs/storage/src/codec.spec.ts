import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesCodec, type Codec, isGenRocksError, jsonCodec, stringCodec, structuredCodec } from './index.js';

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return isGenRocksError(error) ? error.code : 'not ours';
  }
  return undefined;
}

const roundTrip = <T>(codec: Codec<T>, value: T): T => codec.decode(Buffer.from(codec.encode(value)));

describe('jsonCodec', () => {
  it('keeps every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        expect(roundTrip(jsonCodec, value)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('refuses what JSON drops or cannot encode', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    for (const value of [undefined, () => 1, Symbol('x'), 1n, cyclic]) {
      expect(codeOf(() => jsonCodec.encode(value))).toBe('CODEC_FAILED');
    }
  });

  it('refuses bytes that are not JSON', () => {
    for (const bytes of ['', '{', 'nul', '"\xff']) {
      expect(codeOf(() => jsonCodec.decode(Buffer.from(bytes, 'latin1')))).toBe('CODEC_FAILED');
    }
    expect(codeOf(() => jsonCodec.decode(Buffer.from('"\xff"', 'latin1')))).toBe('CODEC_FAILED');
  });
});

describe('stringCodec', () => {
  it('keeps every text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(roundTrip(stringCodec, text)).toBe(text);
      }),
    );
  });

  it('refuses what is not text, in both directions', () => {
    expect(codeOf(() => stringCodec.encode(5 as never))).toBe('CODEC_FAILED');
    expect(codeOf(() => stringCodec.encode('half \ud83d'))).toBe('CODEC_FAILED');
    expect(codeOf(() => stringCodec.decode(Buffer.from([0xc3])))).toBe('CODEC_FAILED');
  });
});

describe('bytesCodec', () => {
  it('keeps bytes as they are', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(roundTrip(bytesCodec, bytes)).toEqual(Buffer.from(bytes));
      }),
    );
    expect(codeOf(() => bytesCodec.encode(5 as never))).toBe('INVALID_ARGUMENT');
  });
});

describe('structuredCodec', () => {
  it('keeps what JSON does not: Map, Set, Date, BigInt, RegExp, undefined, bytes and cycles', () => {
    const value = {
      map: new Map<unknown, unknown>([['a', new Set([1, 2n])]]),
      date: new Date(5),
      big: -(2n ** 80n),
      pattern: /x/gi,
      nothing: undefined,
      numbers: [NaN, -0, Infinity],
      floats: Float64Array.from([1.5, 2.5]),
    };
    expect(roundTrip(structuredCodec, value)).toEqual(value);
    const bytes = roundTrip(structuredCodec, Buffer.from('abc')) as Uint8Array;
    expect(bytes).toBeInstanceOf(Uint8Array);
    expect([...bytes]).toEqual([97, 98, 99]);
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const back = roundTrip(structuredCodec, cyclic) as typeof cyclic;
    expect(back['self']).toBe(back);
  });

  it('keeps any plain value', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true }),
        (value) => {
          expect(roundTrip(structuredCodec, value)).toEqual(structuredClone(value));
        },
      ),
    );
  });

  it('refuses functions, and bytes it did not write', () => {
    expect(codeOf(() => structuredCodec.encode({ run: () => 1 }))).toBe('CODEC_FAILED');
    for (const bytes of ['', 'text', '\xff\x0f']) {
      expect(codeOf(() => structuredCodec.decode(Buffer.from(bytes, 'latin1')))).toBe('CODEC_FAILED');
    }
  });
});

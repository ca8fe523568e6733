import { isGenRocksError } from '@genrocks/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findInexactNumber, MAX_DEPTH, parseJson, tryParseJson } from './json.js';

const parse = (text: string) => parseJson(Buffer.from(text));

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return isGenRocksError(error) ? error.code : String(error);
  }
  return 'none';
}

describe('parseJson', () => {
  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps keys that objects treat specially', () => {
    const value = parse('{"__proto__": {"polluted": true}, "constructor": 1}') as object;
    expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":true},"constructor":1}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each(['', '{', '{"a": 1', 'nul', '{"a":1}x', "{'a':1}", '[1,]'])('refuses %j', (text) => {
    expect(codeOf(() => parse(text))).toBe('INVALID_JSON');
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(codeOf(() => parseJson(Buffer.from([0x22, 0xff, 0x22])))).toBe('INVALID_JSON');
  });

  it('refuses integers that would become another number', () => {
    expect(codeOf(() => parse('{"id": 12345678901234567890}'))).toBe('INEXACT_NUMBER');
    expect(codeOf(() => parse('[9007199254740993]'))).toBe('INEXACT_NUMBER');
    expect(codeOf(() => parse('-9007199254740993'))).toBe('INEXACT_NUMBER');
  });

  it.each([
    '1e400',
    '-1e400',
    `1${'0'.repeat(400)}`,
    '1E+0309',
    '1e-400',
    `0.${'0'.repeat(400)}1`,
    '0.1e-999',
  ])('refuses %s, which would become null or 0', (literal) => {
    expect(codeOf(() => parse(`{"value": [${literal}]}`))).toBe('INEXACT_NUMBER');
    expect(tryParseJson(Buffer.from(literal))).toBeUndefined();
  });

  it('names only the beginning of a number without end', () => {
    expect(() => parse('9'.repeat(1_000_000))).toThrow(/^the number 9{40}\.\.\. cannot/);
  });

  it('takes long digits that are exact, part of a fraction, or in a string', () => {
    for (const text of [
      '9007199254740992',
      '"12345678901234567890"',
      '{"12345678901234567890": "\\"9007199254740993"}',
      '0.1234567890123456789',
      '1e300',
      '123456789012345678901e-5',
      '0e400',
      '-0.000E-999',
      '1.7976931348623157e308',
      '5e-324',
    ]) {
      expect(
        codeOf(() => parse(text)),
        text,
      ).toBe('none');
    }
  });

  it('finds an inexact integer wherever it stands', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.bigInt({ min: 2n ** 53n + 1n, max: 2n ** 70n }), (value, big) => {
        const text = `[${JSON.stringify(value)},${big}]`;
        const exact = String(Number(big)) === String(big);
        fc.pre(findInexactNumber(JSON.stringify(value)) === undefined);
        expect(findInexactNumber(text)).toBe(exact ? undefined : String(big));
      }),
    );
  });

  it('refuses what is nested too deep, wherever', () => {
    const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;
    expect(codeOf(() => parse(nested(MAX_DEPTH)))).toBe('none');
    expect(codeOf(() => parse(nested(MAX_DEPTH + 2)))).toBe('INVALID_JSON');
    expect(codeOf(() => parse(nested(1_000_000)))).toBe('INVALID_JSON');
    expect(codeOf(() => parse(JSON.stringify('[{'.repeat(10_000))))).toBe('none');
    expect(codeOf(() => parse(`[${'[],'.repeat(10_000)}[]]`))).toBe('none');
    expect(tryParseJson(Buffer.from(nested(1_000_000)))).toBeUndefined();
  });

  it('goes through a large text without recursion', () => {
    const text = JSON.stringify({ id: '1'.repeat(5_000_000) });
    expect(findInexactNumber(text)).toBeUndefined();
  });
});

describe('tryParseJson', () => {
  it('answers undefined for what cannot be shown exactly', () => {
    expect(tryParseJson(Buffer.from('{"a":1}'))).toEqual({ value: { a: 1 } });
    expect(tryParseJson(Buffer.from('null'))).toEqual({ value: null });
    expect(tryParseJson(Buffer.from('plain text'))).toBeUndefined();
    expect(tryParseJson(Buffer.from([0xff]))).toBeUndefined();
    expect(tryParseJson(Buffer.from('12345678901234567890'))).toBeUndefined();
  });
});

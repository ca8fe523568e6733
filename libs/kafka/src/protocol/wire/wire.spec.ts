import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reader } from './reader.js';
import { Writer } from './writer.js';

const written = (write: (writer: Writer) => unknown): Buffer => {
  const writer = new Writer();
  write(writer);
  const { length } = writer;
  const bytes = Buffer.concat(writer.finish());
  expect(bytes.length).toBe(length);
  return bytes;
};

describe('wire primitives', () => {
  it.each([
    ['int8', fc.integer({ min: -128, max: 127 })],
    ['int16', fc.integer({ min: -32768, max: 32767 })],
    ['int32', fc.integer({ min: -2147483648, max: 2147483647 })],
    ['int64', fc.maxSafeInteger()],
    ['unsignedVarint', fc.integer({ min: 0, max: 0xffffffff })],
    ['varint', fc.integer({ min: -2147483648, max: 2147483647 })],
    ['boolean', fc.boolean()],
    ['uuid', fc.uuid()],
    ['string', fc.string({ unit: 'grapheme' })],
    ['nullableString', fc.option(fc.string())],
    ['compactString', fc.string({ unit: 'grapheme' })],
    ['compactNullableString', fc.option(fc.string())],
    ['nullableBytes', fc.option(fc.uint8Array({ maxLength: 5000 }).map((b) => Buffer.from(b)))],
    ['compactBytes', fc.uint8Array({ maxLength: 5000 }).map((b) => Buffer.from(b))],
  ] as const)('%s comes back as it was written, many in a row', (type, values: fc.Arbitrary<unknown>) => {
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 20 }), (all) => {
        const bytes = written((writer) => {
          for (const value of all) (writer[type] as (value: unknown) => Writer)(value);
        });
        const reader = new Reader(bytes);
        expect(all.map(() => reader[type]())).toEqual(all);
        expect(reader.remaining).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('writes the documented bytes', () => {
    const bytes = written((w) =>
      w.compactString('ab').unsignedVarint(300).varint(-1).compactNullableString(null),
    );
    expect(bytes.toString('hex')).toBe('036162ac020100');
  });

  it('passes large byte fields on without a copy', () => {
    const large = Buffer.alloc(100_000, 7);
    const pieces = new Writer().int8(1).bytes([large, large]).int8(2).frame();
    expect(pieces.filter((piece) => piece === large)).toHaveLength(2);
    expect(Buffer.concat(pieces).readInt32BE(0)).toBe(1 + 4 + 200_000 + 1);
  });

  it('skips tagged fields', () => {
    const bytes = written((w) =>
      w.unsignedVarint(2).unsignedVarint(0).unsignedVarint(2).int16(77).unsignedVarint(9),
    );
    const reader = new Reader(Buffer.concat([bytes, Buffer.from([1, 42, 5])]));
    expect(reader.skipTags().int8()).toBe(5);
  });

  it.each([
    ['a string longer than the request', [0x7f, 0xff, 1], (r: Reader) => r.string()],
    ['a negative length', [0xff, 0xfe], (r: Reader) => r.nullableString()],
    ['null where a string must be', [0xff, 0xff], (r: Reader) => r.string()],
    ['bytes of a gigabyte', [0x40, 0, 0, 0], (r: Reader) => r.bytes()],
    ['an array of two billion', [0x7f, 0xff, 0xff, 0xff], (r: Reader) => r.arrayLength()],
    ['a negative array', [0x80, 0, 0, 0], (r: Reader) => r.arrayLength()],
    ['a varint without an end', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], (r: Reader) => r.unsignedVarint()],
    ['two billion tags', [0xff, 0xff, 0xff, 0xff, 7], (r: Reader) => r.skipTags()],
    ['an unfinished number', [1, 2, 3], (r: Reader) => r.int32()],
  ])('refuses %s', (_name, bytes, read) => {
    expect(() => read(new Reader(Buffer.from(bytes)))).toThrowError(
      expect.objectContaining({ code: 'MALFORMED_REQUEST' }) as Error,
    );
  });

  it('limits the array elements of a request', () => {
    const reader = new Reader(Buffer.alloc(3_000_000));
    const count = Buffer.alloc(4);
    count.writeInt32BE(200_000);
    const nested = new Reader(Buffer.concat([count, count, Buffer.alloc(400_000)]));
    expect(reader.arrayLength()).toBe(0);
    expect(nested.arrayLength()).toBe(200_000);
    expect(() => nested.arrayLength()).toThrow(/does not fit/);
  });

  it('does not count null arrays against that limit, nor in favor of it', () => {
    const lengths = [250_000, -1, 1].map((length) => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(length);
      return bytes;
    });
    const reader = new Reader(Buffer.concat([...lengths, Buffer.alloc(250_000)]));
    expect(reader.arrayLength()).toBe(250_000);
    expect(reader.arrayLength()).toBe(-1);
    expect(() => reader.arrayLength()).toThrow(/more than 250000 in total/);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placedEntries } from '../__fixtures__/placed-entries.js';
import { Window } from '../engine/window.js';
import type { EntryWrite } from './entry.js';
import { externalFormat as format } from './external-format.js';
import { formatOf } from './formats.js';
import type { Trailer } from './item.js';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
  fc.string({ unit: 'binary', maxLength: 100 }).map((text) => Buffer.from(text)),
);
const entry: fc.Arbitrary<EntryWrite> = fc.record({
  key: bytes,
  value: fc.option(bytes, { nil: undefined }),
});
const entries = fc.array(entry, { minLength: 1, maxLength: 6 });
const timestamp = fc.integer({ min: 0, max: 10 ** 13 - 1 });
const trailer: fc.Arbitrary<Trailer> = fc.record({
  sequence: fc.maxSafeNat(),
  generation: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  synced: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
});
const position = fc.oneof(fc.nat(1 << 20), fc.nat(2 ** 48));

function write(writes: readonly EntryWrite[], time: number, place: Trailer, at: number): Buffer {
  const target = Buffer.alloc(format.itemSize(writes));
  expect(format.writeItem(writes, time, place, target, 0, at)).toBe(target.length);
  return target;
}

const place: Trailer = { sequence: 7, generation: 1, synced: 0 };

function lineOf(writes: readonly EntryWrite[]): string {
  return write(writes, 1_700_000_000_000, place, 0).toString();
}

describe('lines', () => {
  it('come back as they were written: keys and values of any bytes, timestamps, trailer, batches', () => {
    fc.assert(
      fc.property(entries, timestamp, trailer, position, (writes, time, at, from) => {
        const item = format.readItem(write(writes, time, at, from), from);
        expect(item).toMatchObject({ trailer: at });
        expect('entries' in item && item.entries).toEqual(
          writes.map(({ key, value }) => ({ key, value, timestamp: time })),
        );
      }),
    );
  });

  it('are JSON objects, one a line, with the text of a log entry', () => {
    fc.assert(
      fc.property(entries, timestamp, trailer, (writes, time, at) => {
        const lines = write(writes, time, at, 0).toString('utf8').split('\n');
        expect(lines.pop()).toBe('');
        expect(lines).toHaveLength(writes.length);
        lines.forEach((line, i) => {
          const json = JSON.parse(line) as Record<string, unknown>;
          const { key, value } = writes[i]!;
          expect(json.timestamp).toBe(time);
          const text = (name: string) =>
            typeof json[name] === 'string'
              ? Buffer.from(json[name])
              : Buffer.from(json[`${name}_base64`] as string, 'base64');
          expect(text('key').equals(key)).toBe(true);
          if (value === undefined) expect(json.deleted).toBe(true);
          else expect(text('value').equals(value)).toBe(true);
        });
      }),
    );
  });

  it('show text as text and other bytes as base64', () => {
    const key = Buffer.from('Grüße "€"\n');
    expect(lineOf([{ key, value: Buffer.from([0xff, 0]) }])).toBe(
      '{"key":"Grüße \\"€\\"\\n","value_base64":"/wA=","timestamp":1700000000000,' +
        '"seal":"00000001.00000000000007.000000000000.371ce0b0"}\n',
    );
    expect(lineOf([{ key: Buffer.from('a'), value: undefined }])).toMatch(
      /^\{"key":"a","deleted":true,"timestamp":1700000000000,"seal"/,
    );
    const batch = [
      { key: Buffer.from('a'), value: Buffer.from('1') },
      { key: Buffer.from('b'), value: undefined },
    ];
    expect(lineOf(batch).split('\n')[1]).toMatch(
      /^\{"key":"b","deleted":true,"timestamp":1700000000000,"batch":"2\/2","seal"/,
    );
  });

  it('can be resealed for another position', () => {
    fc.assert(
      fc.property(entries, timestamp, trailer, trailer, position, (writes, time, first, second, at) => {
        const item = write(writes, time, first, 0);
        format.sealItem(second, item, 0, item.length, at);
        expect(item.equals(write(writes, time, second, at))).toBe(true);
      }),
    );
  });

  it('of a batch can be read alone by position, before and after they are resealed', () => {
    const batch = fc.array(entry, { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(batch, trailer, trailer, (writes, first, second) => {
        const item = write(writes, 1, first, 0);
        const placed = placedEntries(format, item, 0, item.length, 0);
        expect(placed).toHaveLength(writes.length);
        format.sealItem(second, item, 0, item.length, 99);
        placed.forEach(({ key: name, inner, innerLength, crc, deleted }, i) => {
          const { key, value } = writes[i]!;
          expect(name).toBe(key.toString('latin1'));
          expect(deleted).toBe(value === undefined);
          const alone = item.subarray(inner, inner + innerLength);
          expect(inner).toBeGreaterThan(0);
          expect(format.readPlacedEntry(alone, crc)).toEqual(
            value === undefined ? undefined : { key, value },
          );
          expect(format.readPlacedEntry(alone, crc ^ 1)).toBeUndefined();
        });
      }),
    );
  });

  it('are refused with any bit flipped, cut anywhere, and at any other position', () => {
    const item = write(
      [
        { key: Buffer.from('key'), value: Buffer.from('a \\ "quoted" text\n') },
        { key: Buffer.from([1, 255]), value: undefined },
      ],
      1_700_000_000_000,
      place,
      500,
    );
    for (let bit = 0; bit < item.length * 8; bit++) {
      const changed = Buffer.from(item);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(format.readItem(changed, 500), `bit ${bit}`).toHaveProperty('reason');
    }
    for (let length = 0; length < item.length; length++)
      expect(format.readItem(item.subarray(0, length), 500)).toHaveProperty('reason');
    expect(format.readItem(item, 501)).toHaveProperty('reason');
    expect(format.readItem(Buffer.concat([item, item]), 500)).toHaveProperty('reason');
  });

  it('of two batches do not form one', () => {
    const pair = ['a', 'b'].map((key) => ({ key: Buffer.from(key), value: Buffer.from('v') }));
    const first = write(pair, 1, place, 0);
    const second = write(pair, 1, { ...place, sequence: 8 }, first.length);
    const from = first.indexOf('\n') + 1;
    const between = Buffer.concat([first.subarray(from), second.subarray(0, second.indexOf('\n') + 1)]);
    expect(format.readItem(between, from)).toHaveProperty('reason');
  });

  it('written by others are read, unverified', () => {
    const read = (text: string) => format.readItem(Buffer.from(text), 0);
    expect(read('{ "timestamp": 5, "value": "v", "key": "k" }\r\n')).toMatchObject({
      trailer: undefined,
      entries: [{ key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 5 }],
    });
    expect(read('{"key_base64":"/w==","deleted":true,"timestamp":0}\n')).toMatchObject({
      entries: [{ key: Buffer.from([255]), value: undefined }],
    });
    const none = [
      'text\n',
      '[]\n',
      'null\n',
      '{}\n',
      '\n',
      '{"key":"k","timestamp":1}\n',
      '{"key":"k","value":1,"timestamp":1}\n',
      '{"key":"k","value":"v","value_base64":"","timestamp":1}\n',
      '{"key":"k","value":"v","deleted":true,"timestamp":1}\n',
      '{"key":"k","value":"v","timestamp":-1}\n',
      '{"key":"k","value":"v","timestamp":1e300}\n',
      '{"key":"k","value_base64":"no","timestamp":1}\n',
      '{"key":"k","value":"v","timestamp":1,"batch":"1/2"}\n',
      '{"key":"k","value":"v","timestamp":1,"other":1}\n',
    ];
    for (const text of none) expect(read(text), text).toHaveProperty('reason');
  });

  it('of any bytes never throw', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(100), async (array, at) => {
        const data = Buffer.from(array);
        format.readItem(data, 0);
        format.readPlacedEntry(data, 0);
        formatOf(data);
        const read = async (target: Buffer, offset: number, length: number, from: number) =>
          data.copy(target, offset, from, Math.min(data.length, from + length));
        const window = new Window({ read }, data.length, 16);
        if (at < data.length) await format.itemAt(window, at);
        await format.nextStart(window, Math.min(at + 1, data.length));
      }),
    );
  });
});

describe('in a file read in small pieces', () => {
  it('every item is found, and after damage the next start of a line', async () => {
    const sample = fc.array(fc.tuple(entries, fc.boolean()), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(sample, fc.integer({ min: 1, max: 70 }), async (items, chunk) => {
        const parts: Buffer[] = [];
        const expected: number[] = [];
        let at = 0;
        for (const [writes, broken] of items) {
          const part = write(writes, 1, place, at);
          // The newline itself, so that the next line begins in the middle of one.
          if (broken) part[part.length - 1]! ^= 1;
          else expected.push(at);
          parts.push(part);
          at += part.length;
        }
        const file = Buffer.concat(parts);
        const read = async (target: Buffer, offset: number, length: number, from: number) =>
          file.copy(target, offset, from, Math.min(file.length, from + length));
        const window = new Window({ read }, file.length, chunk);
        const met: number[] = [];
        for (let from: number | undefined = 0; from !== undefined && from < file.length;) {
          const found = await format.itemAt(window, from);
          if ('item' in found) met.push(from);
          from = 'item' in found ? found.frame.end : await format.nextStart(window, from + 1);
        }
        expect(met).toEqual(expected);
      }),
    );
  });
});

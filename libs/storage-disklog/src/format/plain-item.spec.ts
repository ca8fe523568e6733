import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placedEntries } from '../__fixtures__/placed-entries.js';
import { internalFormat } from './internal-format.js';
import { emptyPlainItem, readPlainItem } from './plain-item.js';

const entry = fc.record({
  key: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  value: fc.option(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    { nil: undefined },
  ),
});
const trailer = fc.record({
  sequence: fc.nat(Number.MAX_SAFE_INTEGER),
  generation: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  synced: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
});
const position = fc.integer({ min: 8, max: 2 ** 40 });
/** A change of the item's bytes: one changed, or some at the end missing. */
const harm = fc.option(
  fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), bits: fc.integer({ min: 0, max: 255 }) }),
);
const START = 5;

describe('a plain item', () => {
  it('is read as the format reads items, only with a single entry, and never if it is damaged', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 3 }),
        trailer,
        position,
        harm,
        (entries, end, at, change) => {
          const size = internalFormat.itemSize(entries);
          let bytes = Buffer.alloc(START + size + 3, 0xee);
          internalFormat.writeItem(entries, 1, end, bytes, START, at);
          if (change?.bits === 0) bytes = bytes.subarray(0, START + Math.floor(change.at * (size - 1)));
          else if (change) bytes[START + Math.floor(change.at * (size - 1))]! ^= change.bits;
          const plain = emptyPlainItem();
          const found = readPlainItem(bytes, START, at, plain);
          expect(found).toBe(change === null && entries.length === 1);
          if (!found) return;
          const item = internalFormat.readItem(bytes.subarray(START, START + size), at);
          const [placed] = placedEntries(internalFormat, bytes, START, size, at);
          expect(item).toMatchObject({ trailer: end });
          expect(plain).toMatchObject({ ...end, end: START + size, deleted: placed!.deleted });
          expect(bytes.toString('latin1', plain.keyStart, plain.keyEnd)).toBe(placed!.key);
          const { value } = entries[0]!;
          if (value !== undefined) expect(bytes.subarray(plain.valueStart, plain.valueEnd)).toEqual(value);
          expect(readPlainItem(bytes, START, at + 1, plain)).toBe(false);
        },
      ),
    );
  });

  it('cannot have a large value, which gives the item a longer head', () => {
    const entries = [{ key: Buffer.from('key'), value: Buffer.alloc(65_528) }];
    const bytes = Buffer.alloc(internalFormat.itemSize(entries));
    internalFormat.writeItem(entries, 1, { sequence: 1, generation: 1, synced: 0 }, bytes, 0, 8);
    expect(readPlainItem(bytes, 0, 8, emptyPlainItem())).toBe(false);
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FORMATS } from '../format/formats.js';
import { Group, type Place } from './group.js';

/** From this size on a lent value is written from its own buffer. */
const LARGE = 256 << 10;

const place = fc.record<Place>({
  start: fc.nat(2 ** 40),
  generation: fc.nat(1000),
  sequence: fc.nat(2 ** 40),
  synced: fc.nat(2 ** 40),
});
const value = fc.record({
  bytes: fc.oneof(fc.nat(100), fc.integer({ min: LARGE - 100, max: LARGE + 100 })),
  fill: fc.nat(255),
  lent: fc.boolean(),
});
/** Items: most with one entry, some with several. */
const items = fc.array(fc.array(value, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 6 });

describe.each(Object.values(FORMATS))('a group of the $name format', (format) => {
  it('has the same bytes and entries whether values are lent or not, even if it moves', () => {
    fc.assert(
      fc.property(items, place, place, (all, planned, final) => {
        const make = (lends: boolean) => {
          const group = new Group(format, planned);
          all.forEach((values, item) => {
            const entries = values.map(({ bytes, fill, lent }, i) => ({
              key: Buffer.from(`${item}/${i}`),
              value: Buffer.alloc(bytes, fill),
              lent: lends && lent,
            }));
            group.add(entries, format.itemSize(entries), 1_700_000_000_000 + item);
          });
          const state = (at: Place) => {
            const bytes = Buffer.concat(group.bytesFor(at));
            const { count, keys, slots } = group.placed();
            const placed = Array.from({ length: count }, (_, i) => ({ key: keys[i], ...slots.get(i) }));
            return { length: group.length, bytes, placed };
          };
          return [state(planned), state(final)];
        };
        const [lent, copied] = [make(true), make(false)];
        lent.forEach((state, i) => {
          expect(state.bytes.equals(copied[i]!.bytes)).toBe(true);
          expect(state.bytes.length).toBe(state.length);
          expect(state.placed).toEqual(copied[i]!.placed);
        });
      }),
      { numRuns: 30 },
    );
  });
});

it('a large lent value is written from its own buffer', () => {
  const group = new Group(FORMATS.internal, { start: 8, generation: 1, sequence: 1, synced: 8 });
  const large = Buffer.alloc(LARGE, 'x');
  for (const bytes of [Buffer.from('small'), large]) {
    const entries = [{ key: Buffer.from('key'), value: bytes, lent: true }];
    group.add(entries, FORMATS.internal.itemSize(entries), 1);
  }
  const pieces = group.bytesFor(group.place);
  expect(pieces).toHaveLength(3);
  expect(pieces[1]).toBe(large);
});

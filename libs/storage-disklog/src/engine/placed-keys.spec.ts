import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Slot } from '../format/entry-layout.js';
import { internalFormat as format } from '../format/internal-format.js';
import { MemoryKeys } from './memory-keys.js';
import { PlacedKeys } from './placed-keys.js';

const trailer = { sequence: 1, generation: 1, synced: 8 };

describe('keys of a group in flight', () => {
  it('are added to those of the file as if each had been set on its own', () => {
    const slot = fc.record<Slot>({
      at: fc.nat(2 ** 48 - 1),
      length: fc.nat(2 ** 31 - 1),
      index: fc.nat(1000),
      deleted: fc.boolean(),
      inner: fc.nat(2 ** 32 - 1),
      innerLength: fc.nat(2 ** 31 - 1),
      crc: fc.nat(2 ** 32 - 1),
    });
    const entries = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), slot), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(entries, { maxLength: 5 }), (groups) => {
        const together = new MemoryKeys();
        const alone = new MemoryKeys();
        for (const group of groups) {
          const placed = PlacedKeys.take();
          for (const [key, one] of group) placed.add(key, one);
          together.setAll(placed);
          placed.release();
          for (const [key, one] of group) alone.set(key, one);
        }
        expect(together.page('', undefined, false, 99)).toEqual(alone.page('', undefined, false, 99));
        expect(together.ascending).toBe(alone.ascending);
        expect(together.bounds).toEqual(alone.bounds);
      }),
    );
  });

  it('are those of the item, of any length and any bytes', () => {
    for (let length = 0; length < 20; length++) {
      const writes = Array.from({ length: 30 }, (_, i) => ({
        key: Buffer.from(Array.from({ length }, (_, j) => (i * 31 + j * 97) & 255)),
        value: i % 7 === 0 ? undefined : Buffer.from('value'),
      }));
      const bytes = Buffer.alloc(format.itemSize(writes));
      format.writeItem(writes, 1, trailer, bytes, 0, 8);
      const placed = new PlacedKeys();
      expect(format.placeEntries(bytes, 0, bytes.length, 8, placed.add)).toBe(true);
      expect(placed.keys.slice(0, placed.count)).toEqual(writes.map(({ key }) => key.toString('latin1')));
      writes.forEach(({ value }, i) => {
        expect(placed.slots.get(i)).toMatchObject({ at: 8, length: bytes.length, index: i });
        expect(placed.slots.isDeleted(i)).toBe(value === undefined);
      });
    }
  });

  it('may be many', () => {
    const placed = new PlacedKeys();
    const keys = new MemoryKeys();
    const slot = { length: 10, index: 0, deleted: false, inner: 0, innerLength: 0, crc: 0 };
    for (let round = 0; round < 2; round++) {
      placed.clear();
      for (let i = 0; i < 10_000; i++) placed.add(String(i).padStart(5, '0'), { ...slot, at: round + i });
      keys.setAll(placed);
    }
    expect(keys.size).toBe(10_000);
    for (const i of [0, 4095, 4096, 8191, 8192, 9999])
      expect(keys.get({ key: String(i).padStart(5, '0') })).toEqual({ ...slot, at: 1 + i });
  });
});

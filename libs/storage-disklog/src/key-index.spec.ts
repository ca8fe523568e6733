import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, Scratch, withStore } from './__fixtures__/directories.js';
import type { Slot } from './format/entry-layout.js';
import { blockCount, childOf, isIntact, keyOf, lowerBound, search, slotOf } from './index/block.js';
import { LeafBuilder, NodeBuilder } from './index/block-builder.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

// The entries of a block stand one after the other, in a third as many items from `at` on: the last must fit 48 bits.
const MOST_KEYS = 60;
const slot = fc.record<Slot>({
  at: fc.oneof(fc.integer({ min: 8, max: 2000 }), fc.integer({ min: 8, max: 2 ** 48 - 1 - MOST_KEYS })),
  length: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  index: fc.oneof(fc.constant(0), fc.nat(70_000)),
  deleted: fc.boolean(),
  inner: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 32 - 1 })),
  innerLength: fc.nat(2 ** 31 - 1),
  crc: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});
const key = fc
  .array(fc.constantFrom('a', 'b', '\0', '\xff', 'prefix-'), { maxLength: 8 })
  .map((parts) => parts.join(''));
const latin1 = (text: string) => Buffer.from(text, 'latin1');

describe('a block of the key index', () => {
  it('finds every key it holds, and where every other key would be', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(key, { minLength: 1, maxLength: MOST_KEYS }),
        fc.array(key),
        slot,
        (keys, others, one) => {
          const sorted = [...keys].sort();
          const builder = new LeafBuilder();
          // Entries that are read together with their item have no checksum of their own.
          const slots = sorted.map((_, i) => {
            const at = one.at + Math.floor(i / 3);
            return one.inner === 0 ? { ...one, at, innerLength: 0, crc: 0 } : { ...one, at };
          });
          sorted.forEach((name, i) => expect(builder.add(name, slots[i]!)).toBe(true));
          expect(builder.firstKey).toBe(sorted[0]);
          const block = builder.finish();
          expect(isIntact(block)).toBe(true);
          expect(blockCount(block)).toBe(sorted.length);
          sorted.forEach((name, i) => {
            expect(keyOf(block, i)).toBe(name);
            expect(slotOf(block, i)).toEqual(slots[i]);
          });
          for (const name of [...sorted, ...others]) {
            const at = sorted.filter((known) => known < name).length;
            expect(lowerBound(block, name)).toBe(at);
            expect(search(block, name)).toBe(sorted.includes(name) ? at : ~at);
          }
        },
      ),
    );
  });

  it('contains nothing of the block that its builder made before', () => {
    const names = fc.uniqueArray(key, { minLength: 1, maxLength: MOST_KEYS }).map((keys) => keys.sort());
    fc.assert(
      fc.property(fc.array(fc.tuple(names, slot), { minLength: 2, maxLength: 4 }), (blocks) => {
        const builder = new LeafBuilder();
        for (const [sorted, one] of blocks) {
          const alone = new LeafBuilder();
          for (const each of [builder, alone]) {
            sorted.forEach((name, i) => each.add(name, { ...one, at: one.at + Math.floor(i / 3), index: i }));
          }
          expect(builder.firstKey).toBe(sorted[0]);
          expect(builder.finish()).toEqual(alone.finish());
        }
      }),
    );
  });

  it('is complete when the next key would make it larger than a page', () => {
    const builder = new LeafBuilder();
    const one: Slot = { at: 8, length: 100, index: 0, deleted: false, inner: 0, innerLength: 0, crc: 0 };
    let next = 0;
    const name = () => `some-topic/some-key-${String(next).padStart(6, '0')}`;
    while (builder.add(name(), { ...one, at: 8 + 100 * next })) next++;
    const block = builder.finish();
    expect(block.length).toBeLessThanOrEqual(4096);
    expect(block.length).toBeGreaterThan(4000);
    // A single entry takes the rest of its key, and what distinguishes its item from the others.
    expect(next).toBeGreaterThan(300);
  });

  it('finds numbers and words, however they are distributed', () => {
    const spreads = [
      (i: number) => String(i * 7).padStart(8, '0'),
      (i: number) => i.toString(2).padStart(12, 'x'),
      (i: number) => String.fromCharCode(0, 0, 255 - Math.floor(255 / (i + 1)), i >> 4, i & 15),
      (i: number) => 'z'.repeat(i),
    ];
    for (const spread of spreads) {
      const builder = new LeafBuilder();
      const names = [...new Set(Array.from({ length: 80 }, (_, i) => spread(i)))].sort();
      names.forEach((name, i) =>
        builder.add(name, {
          at: 8 + i,
          length: 1,
          index: 0,
          deleted: false,
          inner: 0,
          innerLength: 0,
          crc: 0,
        }),
      );
      const block = builder.finish();
      for (const [i, name] of names.entries()) {
        expect(search(block, name)).toBe(i);
        expect(search(block, `${name}\0`)).toBe(~(i + 1));
      }
    }
  });
});

describe('a node of the key index', () => {
  it('leads to the last child that starts at or below a key', () => {
    const places = fc.record({ offset: fc.nat(2 ** 40), length: fc.nat(70_000) });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(key, places), {
          minLength: 1,
          maxLength: MOST_KEYS,
          selector: ([name]) => name,
        }),
        fc.array(key),
        (children, others) => {
          const sorted = [...children].sort(([a], [b]) => (a < b ? -1 : 1));
          const builder = new NodeBuilder();
          for (const [name, place] of sorted) expect(builder.add(name, place)).toBe(true);
          expect(builder.firstKey).toBe(sorted[0]![0]);
          const node = builder.finish();
          expect(isIntact(node)).toBe(true);
          sorted.forEach(([, place], i) => expect(childOf(node, i)).toEqual(place));
          // The first key of a node is not stored, so keys below it also lead to the first child.
          for (const name of [...sorted.map(([first]) => first), ...others]) {
            const found = search(node, name);
            const child = found >= 0 ? found : Math.max(0, ~found - 1);
            expect(child).toBe(Math.max(0, sorted.filter(([first]) => first <= name).length - 1));
          }
        },
      ),
    );
  });

  it('has two children, however long their keys are', () => {
    const builder = new NodeBuilder();
    const long = (end: string) => 'k'.repeat(65_534) + end;
    expect(builder.add(long('a'), { offset: 0, length: 65_600 })).toBe(true);
    expect(builder.add(long('b'), { offset: 65_600, length: 65_600 })).toBe(true);
    expect(builder.add('l'.repeat(65_535), { offset: 131_200, length: 65_600 })).toBe(false);
    const node = builder.finish();
    expect(childOf(node, 1)).toEqual({ offset: 65_600, length: 65_600 });
    expect([search(node, long('0')), search(node, long('b')), search(node, long('c'))]).toEqual([~0, 1, ~2]);
  });
});

describe('the key index of a closed file', () => {
  const options = { maxNoBytes: '1MB', maxNoFiles: 50 };

  it('holds keys of the maximum length', async () => {
    const logDir = await scratch.directory();
    const long = (i: number) =>
      Buffer.concat([Buffer.alloc(65_530, 'k'), latin1(String(i).padStart(5, '0'))]);
    await withStore({ ...options, logDir }, async (store) => {
      for (let i = 0; i < 60; i++) await store.put(long(i), `value-${i}`);
      for (let i = 0; i < 60; i++) expect((await store.get(long(i)))?.toString()).toBe(`value-${i}`);
    });
    await withStore({ ...options, logDir }, async (store) => {
      const keys: string[] = [];
      for await (const page of store.scanPages({ reverse: true })) {
        for (const entry of page) keys.push(entry.key.toString('latin1', 65_530));
      }
      expect(keys).toEqual(Array.from({ length: 60 }, (_, i) => String(59 - i).padStart(5, '0')));
    });
  });

  it('is rebuilt if it has an older layout', async () => {
    const logDir = await scratch.directory();
    await withStore({ ...options, logDir }, async (store) => {
      for (let i = 0; i < 30; i++) await store.put(`key-${i}`, Buffer.alloc(60_000, 'v'));
    });
    const directory = partitionOf(logDir);
    const indices = (await readdir(directory)).filter((name) => name.endsWith('.keys'));
    expect(indices.length).toBeGreaterThan(0);
    const old = Buffer.alloc(4096);
    old.writeUInt32BE(0x47524b32, old.length - 96);
    for (const name of indices) await writeFile(join(directory, name), old);
    await withStore({ ...options, logDir }, async (store) => {
      for (let i = 0; i < 30; i++) expect((await store.get(`key-${i}`))?.length).toBe(60_000);
    });
  });
});

import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, Scratch, withStore } from './__fixtures__/directories.js';
import type { Slot } from './format/entry.js';
import { BlockBuilder, blockCount, isIntact, keyOf, lowerBound, search, slotOf } from './index/block.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

// The entries of a block lie behind one another, a third as many items from `at` on: the last must still fit 48 bits.
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
          const builder = new BlockBuilder(1);
          // Entries that are read with their item have no checksum of their own.
          const slots = sorted.map((_, i) => {
            const at = one.at + Math.floor(i / 3);
            return one.inner === 0 ? { ...one, at, innerLength: 0, crc: 0 } : { ...one, at };
          });
          sorted.forEach((name, i) => builder.addSlot(name, slots[i]!));
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

  it('is done when the next key would make it larger than a page', () => {
    const builder = new BlockBuilder(1);
    const one: Slot = { at: 8, length: 100, index: 0, deleted: false, inner: 0, innerLength: 0, crc: 0 };
    let next = 0;
    const name = () => `some-topic/some-key-${String(next).padStart(6, '0')}`;
    for (; !builder.isFullFor(name()); next++) builder.addSlot(name(), { ...one, at: 8 + 100 * next });
    const block = builder.finish();
    expect(block.length).toBeLessThanOrEqual(4096);
    expect(block.length).toBeGreaterThan(4000);
    expect(next).toBeGreaterThan(190);
  });
});

describe('the key index of a left file', () => {
  const options = { maxNoBytes: '1MB', maxNoFiles: 50 };

  it('holds keys of the greatest length', async () => {
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

  it('is built again where it is of an older layout', async () => {
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

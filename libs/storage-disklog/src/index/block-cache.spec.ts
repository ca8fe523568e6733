import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockCache } from './block-cache.js';

/** What a block of this size counts for, with its bookkeeping. */
const BLOCK = 512;
const COUNTED = BLOCK + 120;

const place = fc.record({
  section: fc.nat(2),
  // Blocks of a file, pages of a filter, and positions that differ only above 32 bits.
  offset: fc.oneof(
    fc.nat(200).map((i) => i * 4093),
    fc.nat(200).map((i) => i * BLOCK),
    fc.nat(3).map((i) => i * 2 ** 32 + 77),
  ),
});
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ type: fc.constant('add' as const), place }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant('get' as const), place }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('clear' as const), place }) },
);

describe('the cache of index blocks', () => {
  it('returns what was stored for that position of that file, or nothing, within its budget', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), fc.integer({ min: 1, max: 150 }), (steps, room) => {
        const cache = new BlockCache(room * COUNTED);
        const sections = [0, 1, 2].map(() => ({ blocks: cache.section(), given: new Map<number, Buffer>() }));
        for (const { type, place } of steps) {
          const { blocks, given } = sections[place.section]!;
          const { offset } = place;
          if (type === 'clear') {
            blocks.clear();
            given.clear();
          } else if (type === 'get') {
            const block = blocks.get(offset);
            if (block !== undefined) expect(block).toBe(given.get(offset));
          } else if (blocks.get(offset) === undefined) {
            const block = Buffer.alloc(BLOCK);
            blocks.set(offset, block);
            given.set(offset, block);
            expect(blocks.get(offset)).toBe(block);
          }
        }
        let held = 0;
        for (const { blocks, given } of sections) {
          for (const [offset, block] of given) {
            const found = blocks.get(offset);
            if (found === undefined) continue;
            expect(found).toBe(block);
            held++;
          }
        }
        expect(held).toBeLessThanOrEqual(room);
        const added = sections.reduce((sum, { given }) => sum + given.size, 0);
        if (steps.every(({ type }) => type !== 'clear')) expect(held).toBe(Math.min(added, room));
      }),
    );
  });

  it('keeps a block that was used longer than one that was not', () => {
    const blocks = new BlockCache(3 * COUNTED).section();
    for (const offset of [0, 1, 2]) blocks.set(offset * BLOCK, Buffer.alloc(BLOCK));
    blocks.get(0);
    blocks.set(3 * BLOCK, Buffer.alloc(BLOCK));
    expect([0, 1, 2, 3].map((i) => blocks.get(i * BLOCK) !== undefined)).toEqual([true, false, true, true]);
  });
});

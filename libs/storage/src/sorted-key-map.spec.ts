import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SortedKeyMap, toKeyRange } from './index.js';

type Operation = { type: 'set'; key: string; value: number } | { type: 'delete'; key: string };

const keys = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
  maxLength: 3,
});
const operations = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ type: fc.constant('set' as const), key: keys, value: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), key: keys }) },
  ),
  { maxLength: 300 },
);

function sorted(model: Map<string, number>): [string, number][] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1));
}

function apply(map: SortedKeyMap<number>, model: Map<string, number>, operation: Operation): void {
  const { key } = operation;
  const previous = model.get(key);
  if (operation.type === 'set') {
    model.set(key, operation.value);
    expect(map.set(key, operation.value)).toBe(previous);
  } else {
    model.delete(key);
    expect(map.delete(key)).toBe(previous);
  }
}

/** A map of many blocks with all odd numbers below `2 * count`, written in no particular order. */
function large(count: number): SortedKeyMap<number> {
  const map = new SortedKeyMap<number>();
  for (let i = 0; i < count; i++) {
    const number = ((i * 7919) % count) * 2 + 1;
    map.set(padded(number), number);
  }
  return map;
}

const padded = (number: number) => String(number).padStart(6, '0');

describe('SortedKeyMap', () => {
  it('is a Map that is sorted', () => {
    fc.assert(
      fc.property(operations, (list) => {
        const map = new SortedKeyMap<number>();
        const model = new Map<string, number>();
        for (const operation of list) apply(map, model, operation);
        expect(map.size).toBe(model.size);
        expect([...map.entries()]).toEqual(sorted(model));
        for (const { key } of list) expect(map.get(key)).toBe(model.get(key));
        map.compact();
        expect([...map.entries()]).toEqual(sorted(model));
      }),
    );
  });

  it('returns pages of any range', () => {
    const range = fc.record({
      lower: keys,
      upper: fc.option(keys, { nil: undefined }),
      reverse: fc.boolean(),
    });
    fc.assert(
      fc.property(
        operations,
        range,
        fc.integer({ min: 0, max: 50 }),
        (list, { lower, upper, reverse }, max) => {
          const map = new SortedKeyMap<number>();
          const model = new Map<string, number>();
          for (const operation of list) apply(map, model, operation);
          const inRange = sorted(model).filter(
            ([key]) => key >= lower && (upper === undefined || key < upper),
          );
          const expected = (reverse ? inRange.reverse() : inRange).slice(0, max);
          expect(map.page(lower, upper, reverse, max)).toEqual(expected);
          const pages = [...map.pages({ lower, upper, reverse, limit: max, maxBytes: Infinity }, 7)];
          expect(pages.every((page) => page.length > 0 && page.length <= 7)).toBe(true);
          expect(pages.flat()).toEqual(expected);
        },
      ),
    );
  });

  it('works over many blocks that are split, emptied and packed', () => {
    const map = large(20_000);
    expect(map.size).toBe(20_000);
    const runs = [...map.runs()];
    expect(runs.every(({ keys, values }) => keys.length === values.length && keys.length > 0)).toBe(true);
    expect(runs.flatMap(({ values }) => values)).toEqual(Array.from({ length: 20_000 }, (_, i) => 2 * i + 1));
    expect(map.get(padded(39_999))).toBe(39_999);
    expect(map.get(padded(4))).toBeUndefined();
    expect(map.page(padded(10_000), padded(10_005), false, 99).map(([, value]) => value)).toEqual([
      10_001, 10_003,
    ]);
    expect(map.page('', padded(1024), true, 2).map(([, value]) => value)).toEqual([1023, 1021]);
    for (let number = 1; number < 40_000; number += 2) {
      if (number % 5 !== 0) expect(map.delete(padded(number))).toBe(number);
    }
    const left = Array.from({ length: 4000 }, (_, i) => i * 10 + 5);
    expect([...map.entries()].map(([, value]) => value)).toEqual(left);
    map.compact();
    expect([...map.entries()].map(([, value]) => value)).toEqual(left);
    expect(map.size).toBe(4000);
    for (const number of left) map.delete(padded(number));
    expect(map.size).toBe(0);
    expect(map.page('', undefined, true, 5)).toEqual([]);
    map.set('again', 1);
    expect([...map.entries()]).toEqual([['again', 1]]);
  });

  it.each([false, true])(
    'continues in order while the map changes between pages (reverse: %s)',
    (reverse) => {
      const map = large(3000);
      const seen: string[] = [];
      for (const page of map.pages(toKeyRange({ reverse }), 100)) {
        seen.push(...page.map(([key]) => key));
        for (const [key, value] of page) {
          map.delete(key);
          map.set(padded(value + 1), value + 1);
          map.delete(padded(value === 1 ? 5999 : 1));
        }
      }
      expect(seen).toEqual(reverse ? seen.toSorted().reverse() : seen.toSorted());
      expect(new Set(seen).size).toBe(seen.length);
    },
  );

  it('can be cleared', () => {
    const map = large(2000);
    map.clear();
    expect([map.size, map.get(padded(1)), [...map.entries()]]).toEqual([0, undefined, []]);
  });

  it('does not keep the blocks of removed keys, in whatever order they were removed', () => {
    for (const order of ['ascending', 'descending', 'scattered']) {
      const map = large(20_000);
      const all = [...map.entries()].map(([key]) => key);
      const doomed = all.filter((_, i) => i % 100 !== 0);
      if (order === 'descending') doomed.reverse();
      if (order === 'scattered')
        doomed.sort((a, b) => ((Number(a) * 7919) % 40_009) - ((Number(b) * 7919) % 40_009));
      for (const key of doomed) map.delete(key);
      const kept = all.filter((_, i) => i % 100 === 0);
      expect([...map.entries()].map(([key]) => key)).toEqual(kept);
      for (const key of kept) expect(map.get(key)).toBe(Number(key));
      // Two hundred keys remain of the twenty thousand, which took forty blocks.
      expect([...map.runs()].length, order).toBeLessThanOrEqual(4);
    }
  });
});

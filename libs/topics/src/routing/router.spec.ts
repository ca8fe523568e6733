import { describe, expect, it } from 'vitest';
import { idle, recordOf } from '../__fixtures__/routing.js';
import { murmur2 } from './murmur2.js';
import { Router } from './router.js';

describe('murmur2', () => {
  it('computes what the Java client computes', () => {
    // The test vectors of Kafka's own test.
    expect(murmur2(Buffer.from('21'))).toBe(-973932308);
    expect(murmur2(Buffer.from('foobar'))).toBe(-790332482);
    expect(murmur2(Buffer.from('a-little-bit-long-string'))).toBe(-985981536);
    expect(murmur2(Buffer.from('a-little-bit-longer-string'))).toBe(-1486304829);
    expect(murmur2(Buffer.from('lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8'))).toBe(-58897971);
    expect(murmur2(Buffer.from('abc'))).toBe(479470107);
  });
});

describe('Router', () => {
  const key = Buffer.from('foobar');

  it('sends a key where a Java client would', () => {
    const router = new Router('t', 'key_hash');
    expect(router.partitionFor(recordOf(key), 1, undefined, idle(7))).toBe((-790332482 & 0x7fffffff) % 7);
    expect(router.partitionFor(recordOf(Buffer.alloc(0)), 1, undefined, idle(7))).toBe(
      (murmur2(Buffer.alloc(0)) & 0x7fffffff) % 7,
    );
  });

  it('sends messages without a key round robin', () => {
    const router = new Router('t', 'key_hash');
    const turns = Array.from({ length: 6 }, () => router.partitionFor(recordOf(null), 1, undefined, idle(3)));
    expect([...turns].sort()).toEqual([0, 0, 1, 1, 2, 2]);
    expect(turns.slice(0, 3)).toEqual(turns.slice(3));
  });

  it('round_robin ignores keys', () => {
    const router = new Router('t', 'round_robin');
    const turns = Array.from({ length: 4 }, () => router.partitionFor(recordOf(key), 1, undefined, idle(4)));
    expect(new Set(turns).size).toBe(4);
  });

  it('sticky sends a key where key_hash does, and keeps messages without one together', () => {
    const router = new Router('t', 'sticky');
    const expected = new Router('t', 'key_hash').partitionFor(recordOf(key), 1, undefined, idle(7));
    const turns = Array.from({ length: 9 }, () => {
      expect(router.partitionFor(recordOf(key), 1, undefined, idle(7))).toBe(expected);
      return router.partitionFor(recordOf(null), 1, undefined, idle(7));
    });
    expect(new Set(turns).size).toBe(1);
    expect(router.partitionFor(recordOf(null), 1, 3, idle(7))).toBe(3);
  });

  it('obeys an explicit partition and a function, within the existing partitions', () => {
    const router = new Router('t', ({ value }) => value as number);
    expect(router.partitionFor(recordOf(key), 2, undefined, idle(3))).toBe(2);
    expect(router.partitionFor(recordOf(key), 2, 1, idle(3))).toBe(1);
    const missing = expect.objectContaining({ code: 'PARTITION_NOT_FOUND' }) as unknown as Error;
    for (const partition of [-1, 3, 0.5, NaN]) {
      expect(() => router.partitionFor(recordOf(key), partition, undefined, idle(3))).toThrowError(missing);
      expect(() => router.partitionFor(recordOf(key), 0, partition, idle(3))).toThrowError(missing);
    }
  });
});

describe('consistent_hash', () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => Buffer.from(`customer-${i}`));
  const place = (count: number) => {
    const router = new Router('t', 'consistent_hash');
    return keys.map((key) => router.partitionFor(recordOf(key), 1, undefined, idle(count)));
  };

  it.each([
    [4, 5],
    [8, 12],
    [1, 2],
  ])('moves only the share of the new partitions, and only to them (%i to %i)', (before, after) => {
    const old = place(before);
    const moved = place(after).filter((partition, i) => partition !== old[i]);
    expect(moved.every((partition) => partition >= before)).toBe(true);
    const share = (after - before) / after;
    expect(moved.length / keys.length).toBeGreaterThan(share * 0.9);
    expect(moved.length / keys.length).toBeLessThan(share * 1.1);
  });

  it('spreads keys evenly', () => {
    const sizes = new Array<number>(16).fill(0);
    for (const partition of place(16)) sizes[partition]!++;
    for (const size of sizes) expect(Math.abs(size / (keys.length / 16) - 1)).toBeLessThan(0.15);
  });
});

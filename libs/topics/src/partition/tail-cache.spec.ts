import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { baseOffsetOf, nextOffsetOf } from '../records/batch-header.js';
import { BatchWriter, recordBytes } from '../records/batch-writer.js';
import { type CachedTail, TailCache } from './tail-cache.js';

/** A batch of one record at `offset`, of about this many bytes with the value `fill`. */
function batchAt(offset: number, bytes: number, fill = offset % 251): Buffer {
  const writer = new BatchWriter(bytes + 100);
  const record = { key: null, value: Buffer.alloc(bytes, fill), headers: [], timestamp: 0 };
  writer.append(record, recordBytes(record));
  return writer.finish(offset);
}

/** The batches of one partition, as a model for the cache. */
interface Side {
  readonly tail: CachedTail;
  /** Batches pushed since the tail was cleared. */
  batches: Buffer[];
  end: number;
}

/** The cache holds the newest batches as they were pushed, without a gap up to the end. */
function agrees({ tail, batches, end }: Side): void {
  const cached = batches.filter((batch) => tail.floorBase(baseOffsetOf(batch)) !== undefined);
  expect(cached).toEqual(batches.slice(batches.length - cached.length));
  expect(tail.bytes).toBe(cached.reduce((sum, { length }) => sum + length, 0));
  if (cached.length === 0) return expect(tail.read(end, 1)).toBeUndefined();
  expect(tail.read(baseOffsetOf(cached[0]!), Infinity)).toEqual(cached);
  expect(tail.read(baseOffsetOf(cached[0]!) - 1, Infinity)).toBeUndefined();
  for (const [i, batch] of cached.entries()) {
    expect(tail.read(nextOffsetOf(batch) - 1, 0)).toEqual([batch]);
    expect(tail.read(nextOffsetOf(batch), 0)).toEqual(cached.slice(i + 1, i + 2));
  }
}

describe('the tail cache', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it('has the newest batches of every partition without a hole, within its limit, whatever comes', () => {
    const push = fc.record({ to: fc.nat(2), bytes: fc.nat(900), gap: fc.nat(2) });
    const steps = fc.array(fc.oneof({ arbitrary: push, weight: 20 }, fc.record({ clear: fc.nat(2) })), {
      maxLength: 120,
    });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6000 }), steps, (limit, all) => {
        const cache = new TailCache(limit);
        const sides: Side[] = [0, 1, 2].map(() => ({ tail: cache.tail(), batches: [], end: 0 }));
        for (const step of all) {
          if ('clear' in step) {
            const side = sides[step.clear]!;
            side.tail.clear();
            side.batches = [];
          } else {
            const side = sides[step.to]!;
            const batch = batchAt(side.end + step.gap, step.bytes);
            side.tail.push(batch);
            side.batches.push(batch);
            side.end = nextOffsetOf(batch);
          }
          expect(cache.bytes).toBeLessThanOrEqual(limit);
        }
        sides.forEach(agrees);
        for (const { tail } of sides) tail.clear();
        cache.releaseSpare();
        expect(cache.bytes).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('gives copies: neither what it was given nor what it gives is tied to what it holds', () => {
    const tail = new TailCache(100_000).tail();
    const given = batchAt(0, 500);
    const before = Buffer.from(given);
    tail.push(given);
    given.fill(0);
    const [read] = tail.read(0, 1000)!;
    expect(read).toEqual(before);
    for (let offset = 1; offset < 500; offset++) tail.push(batchAt(offset, 500));
    expect(tail.floorBase(0)).toBeUndefined();
    expect(read).toEqual(before);
    read!.fill(1);
    expect(tail.read(499, 1)).toEqual([batchAt(499, 500)]);
  });

  it('copies to where it is told', () => {
    const tail = new TailCache(100_000).tail();
    const batches = [batchAt(0, 500), batchAt(1, 700), batchAt(2, 900)];
    for (const batch of batches) tail.push(batch);
    const memory = Buffer.alloc(5_000);
    const asked: number[] = [];
    const read = tail.read(1, 10_000, (bytes) => (asked.push(bytes), memory.subarray(0, bytes)));
    expect(read).toEqual(batches.slice(1));
    expect(asked).toEqual([batches[1]!.length + batches[2]!.length]);
    expect(memory.subarray(0, asked[0]).equals(Buffer.concat(batches.slice(1)))).toBe(true);
  });

  it('fills the same memory over and over', () => {
    const limit = 1024 * 1024;
    const cache = new TailCache(limit);
    const tails = [cache.tail(), cache.tail()];
    const batch = batchAt(0, 30_000);
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
    for (let i = 0; i < 1000; i++) tails[i % 2]!.push(batch);
    expect(allocate.mock.calls.length).toBeLessThanOrEqual(8);
    expect(cache.bytes).toBeLessThanOrEqual(limit);
    expect(cache.bytes).toBeGreaterThan(limit / 2);
  });

  it('uses the memory of a partition that was closed for the next one, and gives it up after a while', () => {
    vi.useFakeTimers();
    const limit = 1024 * 1024;
    const cache = new TailCache(limit);
    const batch = batchAt(0, 30_000);
    const fill = () => {
      const tail = cache.tail();
      for (let i = 0; i < 100; i++) tail.push(batch);
      return tail;
    };
    fill().clear();
    const held = cache.bytes;
    expect(held).toBeGreaterThan(limit / 2);
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow');
    const next = fill();
    expect(allocate.mock.calls.length).toBeLessThanOrEqual(1);
    expect(cache.bytes).toBeLessThanOrEqual(limit);
    next.clear();
    vi.advanceTimersByTime(20_000);
    expect(cache.bytes).toBe(0);
  });

  it('holds no batch that is larger than itself, nor what came before it', () => {
    const cache = new TailCache(4_000);
    const tail = cache.tail();
    const other = cache.tail();
    other.push(batchAt(0, 100));
    tail.push(batchAt(0, 100));
    tail.push(batchAt(1, 5_000));
    expect(tail.read(0, 1)).toBeUndefined();
    expect(tail.read(1, 1)).toBeUndefined();
    expect(other.read(0, 1)).toHaveLength(1);
    tail.push(batchAt(2, 3_000));
    expect(tail.read(2, 1)).toHaveLength(1);
    expect(other.read(0, 1)).toBeUndefined();
  });
});

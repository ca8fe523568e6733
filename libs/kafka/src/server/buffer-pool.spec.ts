import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool } from './buffer-pool.js';

const MIB = 1024 * 1024;

describe('the buffer pool', () => {
  it('returns buffers that were given back, in the size needed', () => {
    const pool = new BufferPool(8 * MIB);
    const buffer = pool.take(600_000);
    expect(buffer.length).toBe(MIB);
    pool.give(buffer);
    expect(pool.take(400_000) === buffer).toBe(false);
    expect(pool.take(MIB) === buffer).toBe(true);
    expect(pool.take(MIB) === buffer).toBe(false);
    expect(pool.idleBytes).toBe(0);
  });

  it('keeps neither small nor very large buffers', () => {
    const pool = new BufferPool(64 * MIB);
    for (const bytes of [0, 1, 16 * 1024 - 1, 4 * MIB + 1, 16 * MIB]) {
      const buffer = pool.take(bytes);
      expect(buffer.length).toBe(bytes);
      pool.give(buffer);
    }
    expect(pool.idleBytes).toBe(0);
  });

  it('drops buffers that stayed idle between two sweeps', () => {
    const pool = new BufferPool(64 * MIB);
    const taken = [1, 2, 3, 4].map(() => pool.take(MIB));
    for (const buffer of taken) pool.give(buffer);
    pool.sweep();
    expect(pool.idleBytes).toBe(4 * MIB);
    pool.give(pool.take(MIB));
    pool.sweep();
    expect(pool.idleBytes).toBe(MIB);
    pool.sweep();
    pool.sweep();
    expect(pool.idleBytes).toBe(0);
  });

  it('never hands a buffer to two users, and stays within its limit of idle bytes', () => {
    const step = fc.oneof(
      fc.record({ take: fc.integer({ min: 0, max: 5 * MIB }) }),
      fc.record({ give: fc.nat({ max: 20 }) }),
      fc.constant('sweep' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 6 * MIB }), (steps, limit) => {
        const pool = new BufferPool(limit);
        const used: Buffer[] = [];
        const isUsed = (buffer: Buffer) => used.some((other) => other === buffer);
        for (const one of steps) {
          if (one === 'sweep') pool.sweep();
          else if ('take' in one) {
            const buffer = pool.take(one.take);
            expect(buffer.length).toBeGreaterThanOrEqual(one.take);
            expect(isUsed(buffer)).toBe(false);
            used.push(buffer);
          } else if (used.length > 0) pool.give(used.splice(one.give % used.length, 1)[0]!);
          expect(pool.idleBytes).toBeLessThanOrEqual(limit);
          expect(pool.idleBytes).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 30 },
    );
  });
});

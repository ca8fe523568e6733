import { join, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertPartition, assertTopicName, isGenRocksError, MAX_PARTITION } from './index.js';

function accepts(name: unknown): boolean {
  try {
    assertTopicName(name);
    return true;
  } catch (error) {
    expect(isGenRocksError(error, 'INVALID_TOPIC_NAME')).toBe(true);
    expect((error as Error).message.length).toBeLessThan(250);
    return false;
  }
}

describe('assertTopicName', () => {
  it.each([
    'orders',
    'a',
    'Shop/orders.v1_x-y',
    'a/b/c',
    '...',
    '-',
    '__genrocks',
    'partition',
    'x'.repeat(249),
  ])('takes %s', (name) => expect(accepts(name)).toBe(true));

  it.each([
    ...['', '/', 'a/', '/a', 'a//b', '.', '..', '../x', 'a/../b', 'a/.', 'x'.repeat(250), 'x'.repeat(1e6)],
    ...['a b', 'a\\b', 'a\0', 'a\n', 'ü', '🚀', 'C:', 'partition_0', 'a/Partition_12/b'],
    ...[null, undefined, 5, {}, ['a'], Symbol('a')],
  ])('refuses %j', (name) => {
    expect(accepts(name)).toBe(false);
  });

  it('never accepts a name that leaves its base directory or runs into a partition', () => {
    const part = fc.constantFrom('.', '..', '/', 'a', 'partition_1', '\\', '\0', '~', '%2e', '-', '_');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join('')),
        ),
        (name) => {
          if (!accepts(name)) return;
          const base = join(sep, 'base', 'dir');
          const path = join(base, ...name.split('/'));
          expect(path.startsWith(base + sep)).toBe(true);
          expect(path.split(sep).some((segment) => /^partition_\d+$/i.test(segment))).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('assertPartition', () => {
  it('accepts whole numbers from 0 to the largest', () => {
    for (const partition of [0, 1, MAX_PARTITION]) expect(() => assertPartition(partition)).not.toThrow();
    for (const partition of [-1, 0.5, NaN, Infinity, MAX_PARTITION + 1, '1', null, undefined]) {
      expect(() => assertPartition(partition)).toThrow(/partition must be a whole number from 0/);
    }
  });
});

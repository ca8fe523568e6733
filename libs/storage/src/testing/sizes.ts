import assert from 'node:assert/strict';
import type { PartitionStore } from '../partition-store.js';
import type { TestDefinition } from './harness.js';
import { collect, patternBytes, rejectsWith } from './helpers.js';

const MIB = 1024 * 1024;
/** A limit above this is not tried: the test would spend its time filling memory. */
const LARGEST_TRIED = 16 * MIB;

async function roundTrip(store: PartitionStore, sizes: readonly number[]): Promise<void> {
  await Promise.all(sizes.map((size) => store.put(`size ${size}`, patternBytes(size, size))));
  for (const size of sizes) {
    const value = await store.get(`size ${size}`);
    assert.ok(value?.equals(patternBytes(size, size)), `a value of ${size} bytes came back changed`);
  }
}

export const sizeTests: TestDefinition[] = [
  {
    name: 'supports allows keys of at least 1 KiB and values of at least 1 MiB',
    async run({ adapter, supports }) {
      assert.deepEqual({ ...adapter.supports }, { ...supports }, 'supports differ from the harness');
      assert.ok(supports.maxKeyBytes >= 1024, 'maxKeyBytes');
      assert.ok(supports.maxValueBytes >= MIB, 'maxValueBytes');
    },
  },
  {
    name: 'values of every size around powers of two and around 65,536 bytes come back complete',
    async run(context) {
      const store = await context.open();
      const powers = [8, 128, 256, 512, 1024, 4096, 32_768, 131_072, 262_144];
      await roundTrip(
        store,
        powers.flatMap((size) => [size - 1, size, size + 1]),
      );
      // Formats change their framing near here (disk_log at 65,528 bytes of key and value and timestamp together).
      await roundTrip(
        store,
        Array.from({ length: 120 }, (_, i) => 65_430 + i),
      );
      const total = (await collect(store.scan())).length;
      assert.equal(total, powers.length * 3 + 120);
    },
  },
  {
    name: 'values of 1 MiB and of the largest size come back complete',
    async run(context) {
      const store = await context.open();
      const largest = Math.min(context.supports.maxValueBytes, LARGEST_TRIED);
      await roundTrip(store, [MIB - 1, MIB, largest]);
    },
  },
  {
    name: 'keys of 1 KiB and of the largest size work, and differ by their last byte',
    async run(context) {
      const store = await context.open();
      for (const size of new Set([255, 256, 1024, Math.min(context.supports.maxKeyBytes, MIB)])) {
        const key = patternBytes(size);
        const other = Buffer.from(key);
        other[size - 1]! ^= 1;
        await store.put(key, `of ${size}`);
        assert.equal((await store.get(key))?.toString(), `of ${size}`);
        assert.equal(await store.exists(other), false);
        const [entry] = await collect(store.scan({ gte: key, lte: key }));
        assert.ok(entry?.key.equals(key), `a scan changed a key of ${size} bytes`);
      }
    },
  },
  {
    name: 'a key above the limit is refused with TOO_LARGE',
    unless: ({ maxKeyBytes }) =>
      maxKeyBytes > LARGEST_TRIED ? 'supports.maxKeyBytes is too large to try' : undefined,
    async run(context) {
      const store = await context.open();
      const key = patternBytes(context.supports.maxKeyBytes + 1);
      await rejectsWith('TOO_LARGE', () => store.put(key, 'x'));
      await rejectsWith('TOO_LARGE', () =>
        store.batch([
          { type: 'put', key: 'fits', value: 'x' },
          { type: 'put', key, value: 'x' },
        ]),
      );
      await rejectsWith('TOO_LARGE', () => store.delete(key));
      await rejectsWith('TOO_LARGE', () =>
        store.batch([
          { type: 'put', key: 'fits', value: 'x' },
          { type: 'delete', key },
        ]),
      );
      assert.deepEqual(await collect(store.scan()), []);
    },
  },
  {
    name: 'a value above the limit is refused with TOO_LARGE',
    unless: ({ maxValueBytes }) =>
      maxValueBytes > LARGEST_TRIED ? 'supports.maxValueBytes is too large to try' : undefined,
    async run(context) {
      const store = await context.open();
      const value = Buffer.alloc(context.supports.maxValueBytes + 1);
      await rejectsWith('TOO_LARGE', () => store.put('x', value));
      await rejectsWith('TOO_LARGE', () =>
        store.batch([
          { type: 'put', key: 'fits', value: 'x' },
          { type: 'put', key: 'x', value },
        ]),
      );
      assert.deepEqual(await collect(store.scan()), []);
    },
  },
];

import assert from 'node:assert/strict';
import type { BatchOperation } from '../partition-store.js';
import type { TestDefinition } from './harness.js';
import { collect, logTexts, numberedKeys, rejectsWith, scanTexts } from './helpers.js';

export const batchTests: TestDefinition[] = [
  {
    name: 'batch applies puts and deletes together',
    async run(context) {
      const store = await context.open();
      await store.put('old', '0');
      await store.batch([
        { type: 'put', key: 'a', value: '1' },
        { type: 'delete', key: 'old' },
        { type: 'put', key: Buffer.from('b'), value: Buffer.from('2') },
        { type: 'delete', key: 'never there' },
      ]);
      assert.deepEqual(await scanTexts(store), ['a=1', 'b=2']);
    },
  },
  {
    name: 'an empty batch resolves and writes nothing',
    async run(context) {
      const store = await context.open();
      await store.batch([]);
      assert.deepEqual(await logTexts(store), []);
      assert.equal((await store.info()).items, 0);
    },
  },
  {
    name: 'the operations of a batch apply in order',
    async run(context) {
      const store = await context.open();
      await store.put('b', 'before');
      await store.batch([
        { type: 'put', key: 'a', value: '1' },
        { type: 'put', key: 'a', value: '2' },
        { type: 'put', key: 'gone', value: '1' },
        { type: 'delete', key: 'gone' },
        { type: 'delete', key: 'b' },
        { type: 'put', key: 'b', value: 'after' },
      ]);
      assert.deepEqual(await scanTexts(store), ['a=2', 'b=after']);
      assert.equal(await store.exists('gone'), false);
    },
  },
  {
    name: 'a batch with an invalid operation applies nothing',
    async run(context) {
      const store = await context.open();
      await store.put('kept', '1');
      const good: BatchOperation[] = [
        { type: 'put', key: 'new', value: '1' },
        { type: 'delete', key: 'kept' },
      ];
      const invalid: unknown[] = [
        { type: 'put', key: 'no value' },
        { type: 'put', key: 1, value: '1' },
        { type: 'put', key: 'x', value: { not: 'bytes' } },
        { type: 'delete' },
        { type: 'append', key: 'x', value: '1' },
        { key: 'x', value: '1' },
        null,
        undefined,
      ];
      for (const operation of invalid as BatchOperation[]) {
        await rejectsWith('INVALID_ARGUMENT', () => store.batch([...good, operation]));
        await rejectsWith('INVALID_ARGUMENT', () => store.batch([operation, ...good]));
      }
      await rejectsWith('INVALID_ARGUMENT', () => store.batch('no list' as never));
      await rejectsWith('INVALID_ARGUMENT', () => store.batch(undefined as never));
      assert.deepEqual(await scanTexts(store), ['kept=1']);
      await store.batch(good);
      assert.deepEqual(await scanTexts(store), ['new=1']);
    },
  },
  {
    name: 'a batch of 10,000 operations applies completely',
    async run(context) {
      const store = await context.open();
      const keys = numberedKeys(10_000);
      await store.batch(keys.map((key) => ({ type: 'put', key, value: `v${key}` })));
      await store.batch(keys.slice(0, 9000).map((key) => ({ type: 'delete', key })));
      const found = await collect(store.scan());
      assert.deepEqual(
        found.map((entry) => entry.key.toString()),
        keys.slice(9000),
      );
    },
  },
  {
    name: 'a large batch with an operation that does not fit applies nothing',
    async run(context) {
      const store = await context.open();
      const operations = numberedKeys(5000).map((key): BatchOperation => ({ type: 'put', key, value: 'x' }));
      const wrong = { type: 'put', key: 'no value' } as BatchOperation;
      await rejectsWith('INVALID_ARGUMENT', () => store.batch([...operations, wrong]));
      assert.deepEqual(await scanTexts(store), []);
      assert.deepEqual(await logTexts(store), []);
    },
  },
  {
    name: 'a scan sees all of a batch or nothing of it',
    async run(context) {
      const store = await context.open();
      const writes: Promise<void>[] = [];
      for (let round = 0; round < 50; round++) {
        const value = String(round);
        writes.push(store.batch(numberedKeys(20).map((key) => ({ type: 'put', key, value }))));
        // If the test fails before it awaits them all, closing the store may reject them.
        writes.at(-1)!.catch(() => {});
        const page = await collect(store.scan({ limit: 20 }));
        assert.ok(new Set(page.map((entry) => entry.value.toString())).size <= 1, 'half a batch was read');
      }
      await Promise.all(writes);
    },
  },
];

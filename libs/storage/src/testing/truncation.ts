import assert from 'node:assert/strict';
import { type TestDefinition, unlessPersistent } from './harness.js';
import { fill, getText, logTexts, numberedKeys, scanTexts } from './helpers.js';

export const truncationTests: TestDefinition[] = [
  {
    name: 'truncate removes everything, and the store accepts writes again',
    async run(context) {
      const store = await context.open();
      await store.truncate();
      await fill(store, numberedKeys(2000));
      await store.truncate();
      assert.deepEqual(await scanTexts(store), []);
      assert.deepEqual(await logTexts(store), []);
      assert.equal(await store.exists('00000'), false);
      assert.equal((await store.info()).items, 0);
      await store.put('00001', 'again');
      assert.deepEqual(await scanTexts(store), ['00001=again']);
      assert.deepEqual(await logTexts(store), ['00001=again']);
    },
  },
  {
    name: 'truncate takes its place in the order of the writes',
    async run(context) {
      const store = await context.open();
      await Promise.all([
        store.put('before', '1'),
        store.truncate(),
        store.put('after', '2'),
        store.delete('before'),
      ]);
      assert.deepEqual(await scanTexts(store), ['after=2']);
    },
  },
  {
    name: 'a truncated store is still empty after a reopen, and writable',
    unless: unlessPersistent,
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(1000));
      await store.truncate();
      await context.reopen();
      const empty = await context.open();
      assert.deepEqual(await scanTexts(empty), []);
      assert.deepEqual(await logTexts(empty), []);
      await empty.put('a', '1');
      await context.reopen();
      assert.equal(await getText(await context.open(), 'a'), '1');
    },
  },
];

import assert from 'node:assert/strict';
import { type TestDefinition, unlessHistory, unlessPersistent } from './harness.js';
import { collect, fill, logTexts, numberedKeys, patternBytes, scanTexts } from './helpers.js';

export const persistenceTests: TestDefinition[] = [
  {
    name: 'a reopened store has what was written: overwrites, deletions, batches',
    unless: unlessPersistent,
    async run(context) {
      const store = await context.open();
      await store.put('key1', 'old');
      await store.put('key2', 'original');
      await store.delete('key1');
      await store.put('key1', 'new');
      await store.put('key5', 'gone');
      await store.delete('key5');
      await store.batch([
        { type: 'put', key: 'key3', value: '3' },
        { type: 'delete', key: 'key4' },
        { type: 'put', key: '', value: '' },
      ]);
      const expected = ['=', 'key1=new', 'key2=original', 'key3=3'];
      for (let round = 0; round < 3; round++) {
        await context.reopen();
        assert.deepEqual(await scanTexts(await context.open()), expected);
      }
    },
  },
  {
    name: 'a reopened store counts its entries',
    unless: unlessPersistent,
    async run(context) {
      const store = await context.open();
      for (const key of numberedKeys(50)) await store.put(key, patternBytes(300));
      await store.put('00007', 'again');
      await store.delete('00008');
      const before = await store.info();
      await context.reopen();
      const reopened = await context.open();
      const after = await reopened.info();
      assert.equal(after.items, before.items);
      assert.equal(after.lostItems, 0);
      await reopened.put('one more', 'x');
      assert.equal((await reopened.info()).items, before.items + 1);
    },
  },
  {
    name: 'closing only a store, not the adapter, keeps its data',
    unless: unlessPersistent,
    async run(context) {
      for (let round = 0; round < 4; round++) {
        const store = await context.open();
        assert.equal((await collect(store.scan())).length, round);
        await store.put(`round ${round}`, 'x');
        await store.close();
      }
    },
  },
  {
    name: 'a reopened store has many keys, large values and binary keys, and accepts more',
    unless: unlessPersistent,
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(3000));
      await store.put(Buffer.from([0xff, 0x00]), patternBytes(1024 * 1024, 1));
      await context.reopen();
      const reopened = await context.open();
      assert.equal((await collect(reopened.scan())).length, 3001);
      const large = await reopened.get(Buffer.from([0xff, 0x00]));
      assert.ok(large?.equals(patternBytes(1024 * 1024, 1)));
      await reopened.put('one more', '1');
      await reopened.delete('00000');
      await context.reopen();
      assert.equal((await collect((await context.open()).scan())).length, 3001);
    },
  },
  {
    name: 'the log is the same after a reopen, timestamps included',
    unless: (supports) => unlessPersistent(supports) ?? unlessHistory(supports),
    async run(context) {
      const store = await context.open();
      await store.put('a', '1');
      await store.put('a', '2');
      await store.batch([
        { type: 'delete', key: 'a' },
        { type: 'put', key: 'b', value: '3' },
      ]);
      const before = await collect(store.readLogEntries());
      await context.reopen();
      const reopened = await context.open();
      assert.deepEqual(await collect(reopened.readLogEntries()), before);
      await reopened.put('c', '4');
      assert.deepEqual(await logTexts(reopened), ['a=1', 'a=2', '-a', 'b=3', 'c=4']);
    },
  },
  {
    name: 'an empty store that was opened once exists after a reopen',
    unless: unlessPersistent,
    async run(context) {
      await context.open('empty', 7);
      await context.reopen();
      assert.deepEqual(await context.adapter.list(), [{ topic: 'empty', partition: 7 }]);
      const store = await context.open('empty', 7);
      assert.deepEqual(await scanTexts(store), []);
      assert.equal((await store.info()).items, 0);
    },
  },
];

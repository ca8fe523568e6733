import assert from 'node:assert/strict';
import { collect, fill, logTexts, numberedKeys, patternBytes, scanTexts } from './helpers.js';
import { type TestDefinition, unlessPersistent } from './harness.js';

export const upkeepTests: TestDefinition[] = [
  {
    name: 'info returns the name of the store and how much it holds',
    async run(context) {
      const store = await context.open('some/topic', 3);
      const empty = await store.info();
      assert.equal(empty.adapter, context.adapter.name);
      assert.equal(empty.topic, 'some/topic');
      assert.equal(empty.partition, 3);
      assert.equal(typeof empty.durable, 'boolean');
      if (!context.supports.durable) assert.equal(empty.durable, false, 'durable beyond supports.durable');
      assert.equal(empty.items, 0);
      assert.equal(empty.lostItems, 0);

      // One by one: a batch may count as one item.
      await Promise.all(numberedKeys(500).map((key) => store.put(key, patternBytes(200))));
      const info = await store.info();
      assert.equal(info.items, 500);
      assert.equal(info.lostItems, 0);
      assert.ok(Number.isSafeInteger(info.bytes) && info.bytes >= 0, `bytes is ${info.bytes}`);
      assert.deepEqual(JSON.parse(JSON.stringify(info.details)), info.details, 'details must be JSON');
    },
  },
  {
    name: 'items counts tombstones and overwritten values if, and only if, the log keeps them',
    async run(context) {
      const store = await context.open();
      await store.put('a', '1');
      await store.put('a', '2');
      await store.put('b', '1');
      await store.delete('b');
      assert.equal((await store.info()).items, (await logTexts(store)).length);
      assert.equal((await store.info()).items, context.supports.log === 'history' ? 4 : 1);
    },
  },
  {
    name: 'optimize changes nothing that a reader sees',
    async run(context) {
      const store = await context.open();
      await store.optimize();
      await fill(store, numberedKeys(1500));
      const unwanted = numberedKeys(1500).filter((_, i) => i % 3 === 0);
      await Promise.all(unwanted.map((key) => store.delete(key)));
      const before = await scanTexts(store);
      await Promise.all([store.optimize(), store.optimize()]);
      assert.deepEqual(await scanTexts(store), before);
      await Promise.all([store.optimize(), store.put('during', '1')]);
      assert.deepEqual(await scanTexts(store), [...before, 'during=1']);
      await store.delete('during');
      assert.deepEqual(await scanTexts(store), before);
    },
  },
  {
    name: 'sync resolves, on an empty store and with writes in progress',
    async run(context) {
      const store = await context.open();
      await store.sync();
      const write = store.put('a', '1');
      await store.sync();
      await write;
      await Promise.all([store.sync(), store.sync(), store.put('b', '2'), store.sync()]);
      assert.deepEqual(await scanTexts(store), ['a=1', 'b=2']);
    },
  },
  {
    name: 'retainFrom may be called at any time and loses nothing',
    async run(context) {
      const store = await context.open();
      store.retainFrom(null);
      await fill(store, numberedKeys(100));
      store.retainFrom('00050');
      store.retainFrom(Buffer.from('00099'));
      await store.put('x', '1');
      store.retainFrom(null);
      assert.equal((await collect(store.scan())).length, 101);
    },
  },
  {
    name: 'discardBefore loses nothing from its key on',
    async run(context) {
      const store = await context.open();
      await store.discardBefore('00050');
      await fill(store, numberedKeys(100));
      await store.discardBefore('00050');
      await store.put('x', '1');
      const kept = await collect(store.scan({ gte: '00050' }));
      assert.equal(kept.length, 51);
      await store.discardBefore(Buffer.from('z'));
      await store.put('00001', 'new');
      assert.equal((await store.get('00001'))?.toString(), 'new');
    },
  },
  {
    name: "retain: 'all' never drops a live key, whatever the limits",
    async run(context) {
      const settings = context.harness.tightSettings;
      const store = await context.open('kept', 0, { retain: 'all', settings });
      const value = patternBytes(1024);
      const keys = numberedKeys(1000);
      await fill(store, keys, () => value);
      // Overwriting some keys again and again would push the others out of a log that wraps.
      for (let round = 0; round < 5; round++) await fill(store, keys.slice(500), () => value);
      assert.equal((await collect(store.scan())).length, keys.length);
      assert.ok((await store.get('00000'))?.equals(value), 'the oldest key was dropped');
      assert.equal((await store.info()).lostItems, 0);
    },
  },
  {
    name: "retain: 'all' keeps every live key after a reopen",
    unless: unlessPersistent,
    async run(context) {
      const options = { retain: 'all', settings: context.harness.tightSettings } as const;
      const store = await context.open('kept', 0, options);
      for (let round = 0; round < 4; round++) {
        await fill(store, numberedKeys(300), (key) => `${round} ${key} ${'x'.repeat(800)}`);
      }
      await context.reopen();
      const entries = await collect((await context.open('kept', 0, options)).scan());
      assert.equal(entries.length, 300);
      assert.ok(entries.every(({ key, value }) => value.toString().startsWith(`3 ${key.toString()} `)));
    },
  },
];

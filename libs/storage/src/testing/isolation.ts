import assert from 'node:assert/strict';
import type { BatchOperation } from '../partition-store.js';
import type { TestDefinition } from './harness.js';
import { collect, entryText, fill, logText, logTexts, numberedKeys, scanTexts } from './helpers.js';

export const isolationTests: TestDefinition[] = [
  {
    name: 'buffers can be reused as soon as put, delete or batch has been called',
    async run(context) {
      const store = await context.open();
      const key = Buffer.from('k1');
      const value = Buffer.from('v1');
      const writes = [store.put(key, value)];
      key.write('k2');
      value.write('v2');
      writes.push(store.put(key, value));
      key.write('k3');
      value.write('v3');
      const operations: BatchOperation[] = [{ type: 'put', key, value }];
      writes.push(store.batch(operations));
      operations.push({ type: 'put', key: 'added later', value: '' });
      operations[0] = { type: 'delete', key: 'k1' };
      key.fill('x');
      value.fill('x');
      await Promise.all(writes);
      assert.deepEqual(await scanTexts(store), ['k1=v1', 'k2=v2', 'k3=v3']);

      key.write('k1');
      const deleted = store.delete(key);
      key.write('k2');
      await deleted;
      assert.deepEqual(await scanTexts(store), ['k2=v2', 'k3=v3']);
    },
  },
  {
    name: 'a lent value is stored as it was, and can be reused once the write has resolved',
    async run(context) {
      const store = await context.open();
      const value = Buffer.alloc(100_000, '1');
      await store.put('k1', value, { lent: true });
      value.fill('2');
      await store.batch([{ type: 'put', key: 'k2', value }], { lent: true });
      value.fill('3');
      await store.batch(
        [
          { type: 'put', key: 'k3', value },
          { type: 'put', key: 'k4', value },
        ],
        { lent: true },
      );
      value.fill('x');
      for (const digit of ['1', '2', '3', '4']) {
        const expected = Buffer.alloc(100_000, digit === '4' ? '3' : digit);
        assert.ok((await store.get(`k${digit}`))?.equals(expected), `k${digit}`);
      }
    },
  },
  {
    name: 'a key can be reused as soon as get or exists has been called, or a scan has begun',
    async run(context) {
      const store = await context.open();
      await store.put('aa', '1');
      await store.put('bb', '2');
      const key = Buffer.from('aa');
      const got = store.get(key);
      const exists = store.exists(key);
      const scanned = collect(store.scan({ prefix: key }));
      key.write('zz');
      assert.equal((await got)?.toString(), '1');
      assert.equal(await exists, true);
      assert.equal((await scanned).length, 1);
    },
  },
  {
    name: 'changing the result of a read changes nothing in the store',
    async run(context) {
      const store = await context.open();
      await store.put('key', 'value');
      await store.put('key2', 'value2');
      (await store.get('key'))!.fill('x');
      for (const entry of await collect(store.scan())) {
        entry.key.fill('x');
        entry.value.fill('x');
      }
      for (const entry of await collect(store.readLogEntries())) {
        entry.key.fill('x');
        if (entry.type === 'put') entry.value.fill('x');
      }
      assert.deepEqual(await scanTexts(store), ['key=value', 'key2=value2']);
      assert.deepEqual(await logTexts(store), ['key=value', 'key2=value2']);
      assert.equal((await store.get('key'))?.toString(), 'value');
    },
  },
  {
    name: 'the result of a read does not change during later reads',
    async run(context) {
      const store = await context.open();
      const keys = numberedKeys(2000);
      const valueOf = (key: string) => `value of ${key} ${'x'.repeat(Number(key) % 700)}`;
      await fill(store, keys, valueOf);
      const got = [await store.get('00001'), await store.get('00002'), await store.get('00003')];
      const scanned = await collect(store.scan());
      const logged = await collect(store.readLogEntries());
      await collect(store.scan({ reverse: true }));
      assert.deepEqual(
        got.map((value) => value?.toString()),
        ['00001', '00002', '00003'].map(valueOf),
      );
      const expected = keys.map((key) => `${key}=${valueOf(key)}`);
      assert.deepEqual(scanned.map(entryText), expected);
      assert.deepEqual(logged.map(logText), expected);
    },
  },
  {
    name: 'the result of a read does not change when the key is written again',
    async run(context) {
      const store = await context.open();
      await store.put('key', 'old');
      const got = await store.get('key');
      const scanned = await collect(store.scan());
      await store.put('key', 'new');
      await store.delete('key');
      await store.truncate();
      assert.equal(got?.toString(), 'old');
      assert.equal(scanned[0]?.value.toString(), 'old');
    },
  },
];

import assert from 'node:assert/strict';
import type { TestDefinition } from './harness.js';
import { collect, fill, getText, numberedKeys, scanKeys } from './helpers.js';

const MANY = 12_000;

export const scanIterationTests: TestDefinition[] = [
  {
    name: 'scan over 12,000 keys, forward and backward',
    async run(context) {
      const store = await context.open();
      const keys = numberedKeys(MANY);
      await fill(store, keys);
      const forward = (await collect(store.scan())).map((entry) => entry.key.toString());
      assert.deepEqual(forward, keys);
      const backward = (await collect(store.scan({ reverse: true }))).map((entry) => entry.key.toString());
      assert.deepEqual(backward, keys.toReversed());
      const middle = await collect(store.scan({ gte: '03000', lt: '09000', limit: 5000 }));
      assert.equal(middle.length, 5000);
      assert.equal(middle.at(-1)?.key.toString(), '07999');
    },
  },
  {
    name: 'a scan over keys that are prefixes of each other, over many pages',
    async run(context) {
      const store = await context.open();
      // In byte order. Seven of each, so that pages of a round size end after each of them.
      const keys = numberedKeys(1000).flatMap((key) =>
        ['', '00', '0000', '01', '7f', 'ff', 'ffff'].map((end) => Buffer.from(key).toString('hex') + end),
      );
      const operations = keys.map(
        (key) => ({ type: 'put', key: Buffer.from(key, 'hex'), value: '' }) as const,
      );
      await store.batch(operations);
      assert.deepEqual(await scanKeys(store), keys);
      assert.deepEqual(await scanKeys(store, { reverse: true }), keys.toReversed());
    },
  },
  {
    name: 'pages are never empty, and contain what the scan yields',
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(5000));
      for (const options of [{}, { reverse: true }, { prefix: '0' }, { limit: 3000 }, { prefix: 'none' }]) {
        const pages = await collect(store.scanPages(options));
        assert.ok(pages.every((page) => page.length > 0));
        assert.deepEqual(pages.flat(), await collect(store.scan(options)));
      }
      const logPages = await collect(store.readLogPages());
      assert.ok(logPages.every((page) => page.length > 0));
      assert.deepEqual(logPages.flat(), await collect(store.readLogEntries()));
    },
  },
  {
    name: 'a scan can end early, and the store remains usable',
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(3000));
      for (let round = 0; round < 20; round++) {
        for await (const entry of store.scan()) {
          if (entry.key.toString() === '00001') break;
        }
        for await (const page of store.scanPages({ reverse: true })) {
          assert.equal(page[0]?.key.toString(), '02999');
          break;
        }
        for await (const entry of store.readLogEntries()) {
          assert.equal(entry.key.toString(), '00000');
          break;
        }
      }
      await assert.rejects(async () => {
        for await (const _ of store.scan()) throw new Error('the reader failed');
      }, /the reader failed/);
      await store.put('after', 'it');
      assert.equal(await getText(store, 'after'), 'it');
      await store.close();
    },
  },
  {
    name: 'scans of one store do not affect each other',
    async run(context) {
      const store = await context.open();
      const keys = numberedKeys(2500);
      await fill(store, keys);
      const scans = Array.from({ length: 5 }, (_, i) => collect(store.scan({ reverse: i % 2 === 1 })));
      for (const [i, entries] of (await Promise.all(scans)).entries()) {
        const found = entries.map((entry) => entry.key.toString());
        assert.deepEqual(found, i % 2 === 1 ? keys.toReversed() : keys);
      }
    },
  },
  {
    name: 'next() may be called again before the last call has resolved',
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(1500));
      const iterator = store.scan()[Symbol.asyncIterator]();
      const results = await Promise.all(Array.from({ length: 1600 }, () => iterator.next()));
      const found = results.filter((result) => !result.done).map((result) => String(result.value?.key));
      assert.deepEqual(found, numberedKeys(1500));
      assert.ok(results.slice(1500).every((result) => result.done));
    },
  },
  {
    name: 'a scan during writes yields each key at most once, in order, and every untouched key',
    async run(context) {
      const store = await context.open();
      const untouched = numberedKeys(4000).map((key) => `${key}.keep`);
      const touched = numberedKeys(4000).map((key) => `${key}.touch`);
      await fill(store, [...untouched, ...touched]);
      for (const reverse of [false, true]) {
        const writes: Promise<void>[] = [];
        const found: string[] = [];
        let next = 0;
        for await (const page of store.scanPages({ reverse })) {
          found.push(...page.map((entry) => entry.key.toString()));
          // With small pages, awaiting a write for each page would take too long.
          if (found.length < next) continue;
          next = found.length + 100;
          const at = (found.length * 7) % 4000;
          // Behind the reader, more keys are removed than added: a scan that counts positions would skip keys.
          for (const key of found.slice(-20)) if (key.endsWith('.touch')) writes.push(store.delete(key));
          writes.push(store.delete(touched[at]!), store.put(touched[3999 - at]!, 'changed'));
          writes.push(store.put(`${touched[at]!}.new`, 'new'));
          await writes.at(-1);
        }
        await Promise.all(writes);
        const ordered = found.toSorted();
        assert.deepEqual(found, reverse ? ordered.toReversed() : ordered, 'out of order');
        assert.equal(new Set(found).size, found.length, 'a key came twice');
        assert.deepEqual(
          ordered.filter((key) => key.endsWith('.keep')),
          untouched,
        );
      }
    },
  },
];

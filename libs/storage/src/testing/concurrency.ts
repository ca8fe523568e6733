import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import type { TestDefinition } from './harness.js';
import { collect, getText, logTexts, scanTexts } from './helpers.js';

export const concurrencyTests: TestDefinition[] = [
  {
    name: 'writes take effect in the order of the calls, awaited or not',
    async run(context) {
      const store = await context.open();
      const writes: Promise<void>[] = [];
      for (let i = 0; i < 300; i++) {
        if (i % 3 === 0) writes.push(store.put('key', String(i)));
        else if (i % 3 === 1) writes.push(store.delete('key'));
        else writes.push(store.batch([{ type: 'put', key: 'key', value: String(i) }]));
      }
      await Promise.all(writes);
      assert.deepEqual(await scanTexts(store), ['key=299']);
    },
  },
  {
    name: 'writes of one caller resolve in the order of the calls',
    async run(context) {
      const store = await context.open();
      const resolved: number[] = [];
      await Promise.all(
        Array.from({ length: 200 }, (_, i) => store.put(`${i}`, 'x').then(() => resolved.push(i))),
      );
      assert.deepEqual(
        resolved,
        Array.from({ length: 200 }, (_, i) => i),
      );
    },
  },
  {
    name: 'a reader sees only what has resolved',
    async run(context) {
      const store = await context.open();
      for (let i = 0; i < 50; i++) {
        let resolved = false;
        const write = store.put(`${i}`, 'x').then(() => (resolved = true));
        const seen = await Promise.all([store.exists(`${i}`), store.get(`${i}`)]);
        await setImmediate();
        if (seen[0] || seen[1]) assert.ok(resolved, 'a write was read before it resolved');
        await write;
        assert.equal(await getText(store, `${i}`), 'x');
      }
    },
  },
  {
    name: 'every read after a resolved write sees it, while other writes go on',
    async run(context) {
      const store = await context.open();
      const writer = async (name: string) => {
        for (let i = 0; i < 40; i++) {
          await store.put(name, String(i));
          assert.equal(await getText(store, name), String(i));
          const [entry] = await collect(store.scan({ gte: name, lte: name }));
          assert.equal(entry?.value.toString(), String(i));
        }
      };
      await Promise.all(Array.from({ length: 20 }, (_, i) => writer(`writer ${i}`)));
    },
  },
  {
    name: 'a thousand writers at once lose nothing',
    async run(context) {
      const store = await context.open();
      const writers = Array.from({ length: 1000 }, async (_, writer) => {
        await store.put(`${writer}/a`, '1');
        await store.batch([
          { type: 'put', key: `${writer}/b`, value: '2' },
          { type: 'put', key: `${writer}/c`, value: '3' },
        ]);
        await store.delete(`${writer}/a`);
      });
      await Promise.all(writers);
      assert.equal((await collect(store.scan())).length, 2000);
      for (const writer of [0, 1, 499, 999]) {
        assert.deepEqual(await scanTexts(store, { prefix: `${writer}/` }), [
          `${writer}/b=2`,
          `${writer}/c=3`,
        ]);
      }
    },
  },
  {
    name: 'with two writers of one key, the log and the value agree',
    async run(context) {
      const store = await context.open();
      const writer = async (name: string) => {
        for (let i = 0; i < 50; i++) await store.put('key', `${name}${i}`);
      };
      await Promise.all([writer('a'), writer('b'), writer('c')]);
      const last = (await logTexts(store)).at(-1);
      assert.equal(last, `key=${await getText(store, 'key')}`);
    },
  },
];

import assert from 'node:assert/strict';
import type { ReadLogOptions } from '../partition-store.js';
import { type TestDefinition, unlessHistory, unlessLatest } from './harness.js';
import { collect, fill, logText, logTexts, numberedKeys, rejectsWith } from './helpers.js';

/** How far the clock of a remote store may be from ours, in milliseconds. */
const CLOCK_SKEW = 60_000;

export const logTests: TestDefinition[] = [
  {
    name: 'the log has every write in order, overwritten values and tombstones included',
    unless: unlessHistory,
    async run(context) {
      const store = await context.open();
      await store.put('b', '1');
      await store.put('a', '2');
      await store.put('b', '3');
      await store.delete('a');
      await store.batch([
        { type: 'put', key: 'c', value: '4' },
        { type: 'delete', key: 'b' },
        { type: 'put', key: 'c', value: '5' },
      ]);
      await store.put('a', '');
      assert.deepEqual(await logTexts(store), ['b=1', 'a=2', 'b=3', '-a', 'c=4', '-b', 'c=5', 'a=']);
    },
  },
  {
    name: 'the log has the newest write of every live key, in the order of the writes',
    unless: unlessLatest,
    async run(context) {
      const store = await context.open();
      await store.put('b', '1');
      await store.put('a', '2');
      await store.put('b', '3');
      assert.deepEqual(await logTexts(store), ['a=2', 'b=3']);
      await store.batch([
        { type: 'put', key: 'c', value: '4' },
        { type: 'put', key: 'a', value: '5' },
        { type: 'delete', key: 'b' },
        { type: 'put', key: 'c', value: '6' },
      ]);
      assert.deepEqual(await logTexts(store), ['a=5', 'c=6']);
      await store.delete('c');
      await store.put('b', '7');
      assert.deepEqual(await logTexts(store), ['a=5', 'b=7']);
    },
  },
  {
    name: 'the log keeps the order of writes that were not awaited',
    async run(context) {
      const store = await context.open();
      const keys = numberedKeys(400).map((key, i) => `${(i * 7) % 10}${key}`);
      await Promise.all(
        keys.map((key, i) =>
          i % 2 === 0 ? store.put(key, 'v') : store.batch([{ type: 'put', key, value: 'v' }]),
        ),
      );
      assert.deepEqual(
        await logTexts(store),
        keys.map((key) => `${key}=v`),
      );
    },
  },
  {
    name: 'log entries carry the time of their write, in milliseconds, never going back',
    async run(context) {
      const store = await context.open();
      const before = Date.now();
      for (let i = 0; i < 20; i++) await store.put(`key${i}`, 'x');
      await store.delete('key3');
      const after = Date.now();
      const times = (await collect(store.readLogEntries())).map((entry) => entry.timestamp);
      assert.ok(times.every(Number.isSafeInteger), 'timestamps are whole milliseconds');
      assert.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
      assert.ok(times[0]! >= before - CLOCK_SKEW, `${times[0]} is long before ${before}`);
      assert.ok(times.at(-1)! <= after + CLOCK_SKEW, `${times.at(-1)} is long after ${after}`);
    },
  },
  {
    name: 'readLogEntries respects its limit, and refuses an invalid one',
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(3000));
      const read = async (options: ReadLogOptions) =>
        (await collect(store.readLogEntries(options))).map((entry) => entry.key.toString());
      for (const limit of [0, 1, 2, 1500, 3000, 9999]) {
        assert.deepEqual(await read({ limit }), numberedKeys(3000).slice(0, limit));
      }
      for (const limit of [-1, 0.5, NaN, '1'] as number[]) {
        const log = store.readLogEntries({ limit });
        await rejectsWith('INVALID_ARGUMENT', () => collect(log));
      }
    },
  },
  {
    name: 'the log can be read while it is written',
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(3000));
      const writes: Promise<void>[] = [];
      const found: string[] = [];
      for await (const page of store.readLogPages()) {
        found.push(...page.map((entry) => logText(entry)));
        writes.push(store.put(`later ${found.length}`, 'x'));
        await writes.at(-1);
        // The log grows as it is read, and a reader may follow it; a few rounds show the order.
        if (writes.length > 50) break;
      }
      await Promise.all(writes);
      assert.deepEqual(
        found.slice(0, 3000),
        numberedKeys(3000).map((key) => `${key}=${key}`),
      );
      assert.equal(new Set(found).size, found.length, 'an entry came twice');
    },
  },
];

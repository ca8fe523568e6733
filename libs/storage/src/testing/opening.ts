import assert from 'node:assert/strict';
import { MAX_PARTITION } from '../topic-name.js';
import { type TestDefinition, type TestContext, unlessPersistent } from './harness.js';
import { assertCode, getText, rejectsWith, scanTexts } from './helpers.js';

const HOSTILE_NAMES: unknown[] = [
  ...['', '.', '..', '../x', 'a/../b', 'a/..', '/a', 'a/', 'a//b', '/', './a', 'a/./b', '\\', 'a\\b'],
  ...['a\0b', 'a b', 'a:b', 'a*', 'ü', '日本', '🚀', 'a\nb', '%2e%2e', '~', '$(x)', 'x'.repeat(250)],
  ...['partition_0', 'a/partition_3', 'PARTITION_7/a'],
  ...[undefined, null, 1, {}, ['a']],
];

const WRONG_PARTITIONS: unknown[] = [-1, 1.5, NaN, Infinity, MAX_PARTITION + 1, '0', null, undefined, {}];

async function listed({ adapter }: TestContext): Promise<string[]> {
  return (await adapter.list()).map(({ topic, partition }) => `${topic} ${partition}`).toSorted();
}

export const openingTests: TestDefinition[] = [
  {
    name: 'partitions and topics are independent, nested topics too',
    async run(context) {
      const ids: [string, number][] = [
        ['a', 0],
        ['a', 1],
        ['a', 10],
        ['a/b', 0],
        ['a/b/c', 0],
        ['b', 0],
        ['a.b_c-D9', 0],
        ['x'.repeat(249), MAX_PARTITION],
      ];
      const stores = await Promise.all(ids.map(([topic, partition]) => context.open(topic, partition)));
      await Promise.all(stores.map((store, i) => store.put('key', `${i}`)));
      await stores[1]!.delete('key');
      await stores[3]!.truncate();
      for (const [i, store] of stores.entries()) {
        assert.deepEqual([store.topic, store.partition], ids[i]);
        assert.deepEqual(await scanTexts(store), i === 1 || i === 3 ? [] : [`key=${i}`]);
      }
      assert.deepEqual(await listed(context), ids.map(([t, p]) => `${t} ${p}`).toSorted());
    },
  },
  {
    name: 'an open store cannot be opened again, a closed one can',
    async run(context) {
      const store = await context.open();
      await rejectsWith('LOCKED', () => context.open());
      await store.put('still', 'usable');
      await store.close();
      const again = await context.open();
      await rejectsWith('LOCKED', () => context.open());
      await store.close();
      await rejectsWith('LOCKED', () => context.open());
      await again.close();
    },
  },
  {
    name: 'of many concurrent opens, exactly one succeeds',
    async run(context) {
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => context.open()));
      const opened = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      assert.equal(opened.length, 1);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') assertCode(outcome.reason, 'LOCKED');
      }
      await opened[0]!.value.put('a', '1');
      assert.equal(await getText(opened[0]!.value, 'a'), '1');
    },
  },
  {
    name: 'list is empty at first, and contains every open store',
    async run(context) {
      assert.deepEqual(await listed(context), []);
      await context.open('b', 2);
      await context.open('a/x', 0);
      assert.deepEqual(await listed(context), ['a/x 0', 'b 2']);
    },
  },
  {
    name: 'destroy removes a closed store and all its data, and nothing else',
    async run(context) {
      const other = await context.open('a/b', 0);
      await other.put('kept', '1');
      const neighbour = await context.open('a', 1);
      await neighbour.put('kept', '1');
      const store = await context.open('a', 0);
      await store.put('gone', '1');
      await rejectsWith('LOCKED', () => context.adapter.destroy('a', 0));
      assert.equal(await store.exists('gone'), true);
      await store.close();
      await context.adapter.destroy('a', 0);
      assert.deepEqual(await listed(context), ['a 1', 'a/b 0']);
      assert.deepEqual(await scanTexts(await context.open('a', 0)), []);
      assert.deepEqual(await scanTexts(other), ['kept=1']);
      assert.deepEqual(await scanTexts(neighbour), ['kept=1']);
    },
  },
  {
    name: 'destroy of a store that does not exist resolves',
    async run(context) {
      await context.adapter.destroy('nothing', 0);
      await context.adapter.destroy('nothing/here', 3);
      await context.open('a/b', 0);
      await context.adapter.destroy('a', 0);
      assert.deepEqual(await listed(context), ['a/b 0']);
    },
  },
  {
    name: 'hostile topic names are refused with INVALID_TOPIC_NAME',
    async run(context) {
      for (const name of HOSTILE_NAMES as string[]) {
        await rejectsWith('INVALID_TOPIC_NAME', () => context.adapter.open(name, 0));
        await rejectsWith('INVALID_TOPIC_NAME', () => context.adapter.destroy(name, 0));
      }
      assert.deepEqual(await listed(context), []);
    },
  },
  {
    name: 'partitions that are not whole numbers in range are refused with INVALID_ARGUMENT',
    async run(context) {
      for (const partition of WRONG_PARTITIONS as number[]) {
        await rejectsWith('INVALID_ARGUMENT', () => context.adapter.open('a', partition));
        await rejectsWith('INVALID_ARGUMENT', () => context.adapter.destroy('a', partition));
      }
      assert.deepEqual(await listed(context), []);
    },
  },
  {
    name: 'unknown settings are refused with INVALID_CONFIG, and nothing is created',
    async run(context) {
      const settings = { noSuchSettingAnywhere: 1 };
      await rejectsWith('INVALID_CONFIG', () => context.open('a', 0, { settings }));
      assert.deepEqual(await listed(context), []);
      let refusal: unknown;
      try {
        context.adapter.validateSettings(settings);
      } catch (error) {
        refusal = error;
      }
      assertCode(refusal, 'INVALID_CONFIG');
      assert.match((refusal as Error).message, /noSuchSettingAnywhere/, 'the message names the setting');
      context.adapter.validateSettings({});
      await context.open('a', 0, { settings: {} });
    },
  },
  {
    name: 'after a reopen, every store is listed, and can be destroyed without being opened',
    unless: unlessPersistent,
    async run(context) {
      for (const [topic, partition] of [
        ['a', 0],
        ['a', 1],
        ['a/b', 0],
      ] as const) {
        await (await context.open(topic, partition)).put('key', 'value');
      }
      await context.reopen();
      assert.deepEqual(await listed(context), ['a 0', 'a 1', 'a/b 0']);
      await context.adapter.destroy('a', 0);
      await context.reopen();
      assert.deepEqual(await listed(context), ['a 1', 'a/b 0']);
      assert.deepEqual(await scanTexts(await context.open('a', 0)), []);
      assert.deepEqual(await scanTexts(await context.open('a/b', 0)), ['key=value']);
    },
  },
];

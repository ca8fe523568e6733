import assert from 'node:assert/strict';
import type { PartitionStore } from '../partition-store.js';
import { type TestDefinition, unlessPersistent } from './harness.js';
import { assertCode, collect, fill, numberedKeys, rejectsWith } from './helpers.js';

async function assertClosed(store: PartitionStore): Promise<void> {
  const calls: Record<string, () => Promise<unknown>> = {
    put: () => store.put('a', '1'),
    get: () => store.get('a'),
    delete: () => store.delete('a'),
    exists: () => store.exists('a'),
    batch: () => store.batch([{ type: 'put', key: 'a', value: '1' }]),
    'empty batch': () => store.batch([]),
    scan: async () => collect(store.scan()),
    scanPages: async () => collect(store.scanPages()),
    readLogEntries: async () => collect(store.readLogEntries()),
    readLogPages: async () => collect(store.readLogPages()),
    info: () => store.info(),
    optimize: () => store.optimize(),
    sync: () => store.sync(),
    truncate: () => store.truncate(),
  };
  for (const [name, call] of Object.entries(calls)) {
    await rejectsWith('STORE_CLOSED', call).catch((error: unknown) => {
      assert.fail(`${name} after close: ${(error as Error).message}`);
    });
  }
}

/** Writes while `close` runs; returns the keys whose write resolved. */
async function writeWhileClosing(store: PartitionStore, close: () => Promise<void>): Promise<string[]> {
  const keys = numberedKeys(300);
  const writes = keys.map((key, i) =>
    i % 2 === 0 ? store.put(key, key) : store.batch([{ type: 'put', key, value: key }]),
  );
  const closed = close();
  const late = store.put('late', 'x');
  const outcomes = await Promise.allSettled([...writes, late]);
  await closed;
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assertCode(outcome.reason, 'STORE_CLOSED');
  }
  return keys.filter((_, i) => outcomes[i]!.status === 'fulfilled');
}

export const closingTests: TestDefinition[] = [
  {
    name: 'after close, every method fails with STORE_CLOSED, and close may be called again',
    async run(context) {
      const store = await context.open();
      await store.put('a', '1');
      await Promise.all([store.close(), store.close()]);
      await store.close();
      await assertClosed(store);
    },
  },
  {
    name: 'a closed store stays closed when it is opened again',
    async run(context) {
      const old = await context.open();
      await old.close();
      const store = await context.open();
      await assertClosed(old);
      await old.close();
      await store.put('still', 'open');
      assert.equal(await store.exists('still'), true);
    },
  },
  {
    name: 'a scan in progress when the store closes completes or fails with STORE_CLOSED',
    async run(context) {
      const store = await context.open();
      await fill(store, numberedKeys(8000));
      let found = 0;
      try {
        for await (const page of store.scanPages()) {
          found += page.length;
          await store.close();
        }
        assert.equal(found, 8000, 'the scan ended early without an error');
      } catch (error) {
        assertCode(error, 'STORE_CLOSED');
      }
    },
  },
  {
    name: 'writes in progress when the store closes resolve or fail with STORE_CLOSED',
    async run(context) {
      const store = await context.open();
      await writeWhileClosing(store, () => store.close());
      await assertClosed(store);
    },
  },
  {
    name: 'writes that resolved while the store closed are there after a reopen',
    unless: unlessPersistent,
    async run(context) {
      const store = await context.open();
      const kept = await writeWhileClosing(store, () => store.close());
      await context.reopen();
      const reopened = await context.open();
      for (const key of kept) assert.equal(await reopened.exists(key), true, `lost ${key}`);
    },
  },
  {
    name: 'writes that resolved while the adapter closed are there after a reopen',
    unless: unlessPersistent,
    async run(context) {
      const store = await context.open();
      const kept = await writeWhileClosing(store, () => context.adapter.close());
      await context.reopen();
      const reopened = await context.open();
      for (const key of kept) assert.equal(await reopened.exists(key), true, `lost ${key}`);
    },
  },
  {
    name: 'closing the adapter closes its stores and refuses every later call',
    async run(context) {
      const { adapter } = context;
      const stores = [await context.open('a'), await context.open('a', 1), await context.open('b')];
      await Promise.all([adapter.close(), adapter.close()]);
      await adapter.close();
      await adapter.onApplicationShutdown();
      for (const store of stores) await assertClosed(store);
      for (const store of stores) await store.close();
      await rejectsWith('STORE_CLOSED', () => adapter.open('a', 0));
      await rejectsWith('STORE_CLOSED', () => adapter.list());
      await rejectsWith('STORE_CLOSED', () => adapter.destroy('a', 0));
    },
  },
  {
    name: 'a store that opens while the adapter closes is closed with it',
    async run(context) {
      const { adapter } = context;
      const opening = [adapter.open('a', 0), adapter.open('a/b', 3)];
      const closing = adapter.close();
      const outcomes = await Promise.allSettled(opening);
      await closing;
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') await assertClosed(outcome.value);
        else assertCode(outcome.reason, 'STORE_CLOSED');
      }
      if (!context.supports.persistent) return;
      // A store that was being opened must not stay locked.
      await context.reopen();
      await context.open('a', 0);
      await context.open('a/b', 3);
    },
  },
];

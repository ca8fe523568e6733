import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isGenRocksError, type LogEntry, type PartitionStore, type StoreEvent } from '@genrocks/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ENTRY_OVERHEAD } from './ets-table.js';
import { EtsStorageAdapter } from './index.js';
import { MAX_VALUE_BYTES } from './ets-partition-store.js';

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isGenRocksError(error) ? error.code : undefined;
}

async function keysOf(store: PartitionStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.scan()) keys.push(key.toString());
  return keys;
}

/** Collects all garbage now. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

describe('EtsStorageAdapter', () => {
  let adapter: EtsStorageAdapter;
  beforeEach(() => {
    adapter = new EtsStorageAdapter();
  });
  afterEach(() => adapter.close());

  it('keeps a table while its store is closed, until it is destroyed', async () => {
    const store = await adapter.open('orders', 0);
    await store.put('a', '1');
    await store.close();
    expect(await adapter.list()).toEqual([{ topic: 'orders', partition: 0 }]);
    const again = await adapter.open('orders', 0);
    expect((await again.get('a'))?.toString()).toBe('1');
    await again.close();
    await adapter.destroy('orders', 0);
    expect(await adapter.list()).toEqual([]);
    expect(await keysOf(await adapter.open('orders', 0))).toEqual([]);
  });

  it('names the holder of an open store', async () => {
    await adapter.open('orders', 0);
    await expect(adapter.open('orders', 0)).rejects.toMatchObject({
      code: 'LOCKED',
      retriable: true,
      details: { pid: process.pid },
    });
  });

  it('reports size and memory, which shrink with deletions and truncation', async () => {
    const store = await adapter.open('orders', 0);
    await store.put('key', 'x'.repeat(97));
    const memory = 100 + ENTRY_OVERHEAD;
    expect(await store.info()).toEqual({
      adapter: 'ets',
      topic: 'orders',
      partition: 0,
      durable: false,
      items: 1,
      bytes: memory,
      lostItems: 0,
      details: { type: 'set', size: 1, memory, maxBytes: null },
    });
    await store.put('key', 'x');
    expect((await store.info()).bytes).toBe(4 + ENTRY_OVERHEAD);
    await store.put('other', Buffer.alloc(100_000));
    await store.delete('key');
    expect((await store.info()).bytes).toBe(100_005 + ENTRY_OVERHEAD);
    await store.truncate();
    expect((await store.info()).bytes).toBe(0);
  });

  it('refuses a value above its limit', async () => {
    const store = await adapter.open('orders', 0);
    // The system does not allocate memory that is never touched.
    expect(await codeOf(store.put('a', Buffer.alloc(MAX_VALUE_BYTES + 1)))).toBe('TOO_LARGE');
  });

  it('never gives a write an earlier time than the write before it', async () => {
    const store = await adapter.open('orders', 0);
    const now = Date.now;
    try {
      Date.now = () => 5000;
      await store.put('a', '1');
      Date.now = () => 3000;
      await store.put('b', '2');
    } finally {
      Date.now = now;
    }
    const times: number[] = [];
    for await (const entry of store.readLogEntries()) times.push(entry.timestamp);
    expect(times).toEqual([5000, 5000]);
  });

  it('reports writes to the listener of the store', async () => {
    const events: StoreEvent[] = [];
    const store = await adapter.open('orders', 0, { onEvent: (event) => events.push(event) });
    await store.put('key', 'value');
    await store.batch([
      { type: 'put', key: 'a', value: '12' },
      { type: 'delete', key: 'key' },
    ]);
    await store.batch([]);
    expect(events).toEqual([
      { type: 'write', items: 1, bytes: 8, ms: expect.any(Number) as number },
      { type: 'write', items: 2, bytes: 6, ms: expect.any(Number) as number },
    ]);
  });

  it('pages large values by bytes', async () => {
    const store = await adapter.open('orders', 0);
    for (const key of ['a', 'b', 'c']) await store.put(key, Buffer.alloc(1024 * 1024));
    const sizes: number[] = [];
    for await (const page of store.scanPages()) sizes.push(page.length);
    for await (const page of store.readLogPages()) sizes.push(page.length);
    expect(sizes).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('keeps no removed entries for the sake of an idle reader of the log', async () => {
    const store = await adapter.open('orders', 0);
    const keys = Array.from({ length: 600 }, (_, i) => `${i}`);
    const value = Buffer.alloc(16 * 1024);
    for (const key of keys) await store.put(key, value);
    const log = store.readLogPages()[Symbol.asyncIterator]();
    expect((await log.next()).value).toHaveLength(64);
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 40; round++) {
      for (const key of keys.slice(0, 590)) {
        await store.delete(key);
        await store.put(key, value);
      }
    }
    // Garbage is returned to the system in the background.
    const grown = () => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers - before;
    };
    await expect.poll(grown).toBeLessThan(48 * 1024 * 1024);
    const rest: LogEntry[] = [];
    for (let page = await log.next(); !page.done; page = await log.next()) rest.push(...page.value);
    // A key that was rewritten comes after the end of this log.
    expect(rest.map(({ key }) => key.toString())).toEqual(keys.slice(590));
  });

  it('reads a log up to the newest write at its start, not for as long as writes continue', async () => {
    const store = await adapter.open('orders', 0);
    for (let i = 0; i < 2000; i++) await store.put(`${i}`, 'x');
    let entries = 0;
    for await (const page of store.readLogPages()) {
      entries += page.length;
      for (let i = 0; i < 1000; i++) await store.put(`new ${entries} ${i}`, 'x');
    }
    expect(entries).toBe(2000);
  });
});

describe('a limit on memory', () => {
  it('refuses a write that does not fit with NO_SPACE, keeps everything else working, and recovers', async () => {
    const adapter = new EtsStorageAdapter({ maxBytes: '10KB' });
    const store = await adapter.open('orders', 0);
    await store.put('a', Buffer.alloc(8000));
    await expect(store.put('b', Buffer.alloc(3000))).rejects.toMatchObject({
      code: 'NO_SPACE',
      retriable: true,
      message: expect.stringContaining('10KB') as string,
    });
    const batch = ['b', 'c'].map((key) => ({ type: 'put', key, value: Buffer.alloc(1000) }) as const);
    expect(await codeOf(store.batch(batch))).toBe('NO_SPACE');
    expect(await keysOf(store)).toEqual(['a']);

    await store.batch([{ type: 'delete', key: 'a' }, ...batch]);
    expect(await keysOf(store)).toEqual(['b', 'c']);
    await store.truncate();
    await store.put('b', Buffer.alloc(9000));
  });

  it('is shared by all stores of the adapter, and freed by destroying one', async () => {
    const adapter = new EtsStorageAdapter({ maxBytes: 10_000 });
    const [a, b] = [await adapter.open('a', 0), await adapter.open('b', 0)];
    await a.put('key', Buffer.alloc(6000));
    expect(await codeOf(b.put('key', Buffer.alloc(6000)))).toBe('NO_SPACE');
    await a.close();
    expect(await codeOf(b.put('key', Buffer.alloc(6000)))).toBe('NO_SPACE');
    await adapter.destroy('a', 0);
    await b.put('key', Buffer.alloc(6000));
  });

  it('can be set for one store, and changed by opening it again', async () => {
    const adapter = new EtsStorageAdapter();
    const store = await adapter.open('a', 0, { settings: { maxBytes: '2KB' } });
    expect(await codeOf(store.put('key', Buffer.alloc(4000)))).toBe('NO_SPACE');
    expect((await store.info()).details['maxBytes']).toBe(2048);
    await store.close();
    await (await adapter.open('a', 0)).put('key', Buffer.alloc(4000));
  });

  it('counts an overwrite by its growth, also within a batch', async () => {
    const adapter = new EtsStorageAdapter({ maxBytes: 10_000 });
    const store = await adapter.open('a', 0);
    const put = (key: string) => ({ type: 'put', key, value: Buffer.alloc(9000) }) as const;
    await store.put('key', Buffer.alloc(9000));
    await store.batch([put('key'), put('key'), { type: 'delete', key: 'key' }, put('other')]);
    expect(await keysOf(store)).toEqual(['other']);
  });

  it('refuses invalid options and settings, all of them in one error', async () => {
    expect(() => new EtsStorageAdapter({ maxBytes: 'lots', allowInProduction: 3 as never })).toThrow(
      /^storage\.ets\.maxBytes: "lots" is not allowed; .*\nstorage\.ets\.allowInProduction: 3 is not allowed; true or false$/,
    );
    const adapter = new EtsStorageAdapter();
    expect(() => adapter.validateSettings({ maxByte: 1 })).toThrow(
      'storage.ets.maxByte: unknown option; did you mean maxBytes?',
    );
  });
});

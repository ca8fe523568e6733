import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StoreEvent } from '@genrocks/storage';
import RocksDB from 'rocksdb-native';
import { describe, expect, it, vi } from 'vitest';
import { collect } from './__fixtures__/collect.js';
import { databases } from './__fixtures__/directories.js';
import { RocksDbStorageAdapter } from './index.js';

const { directory, open, create } = databases();
const run = promisify(execFile);

describe('RocksDbStorageAdapter', () => {
  it('keeps a thousand separate stores in one database', async () => {
    const adapter = await create({ sync: 'os' });
    const stores = await Promise.all(
      Array.from({ length: 1000 }, (_, partition) => adapter.open('orders', partition)),
    );
    await Promise.all(stores.map((store, i) => store.put('key', `${i}`)));
    await stores[500]!.truncate();
    for (const i of [0, 1, 255, 256, 499, 501, 999]) {
      expect((await stores[i]!.get('key'))?.toString()).toBe(`${i}`);
    }
    expect(await stores[500]!.exists('key')).toBe(false);
    expect(await adapter.list()).toHaveLength(1000);
  });

  it('continues with all its stores if a listener throws', async () => {
    const adapter = await create({ sync: 'os' });
    const onEvent = () => {
      throw new Error('listener');
    };
    const [store, other] = [await adapter.open('t', 0, { onEvent }), await adapter.open('t', 1)];
    await store.put('a', '1');
    await Promise.all([store.put('b', '2'), other.put('c', '3')]);
    expect([await store.exists('b'), await other.exists('c')]).toEqual([true, true]);
  });

  it('counts entries and bytes exactly, over overwrites, deletions and a reopen', async () => {
    const path = await directory();
    const adapter = open({ path });
    const store = await adapter.open('orders', 0);
    const counts = async (from = store) => {
      const { items, bytes } = await from.info();
      return { items, bytes };
    };
    await store.put('key', 'x'.repeat(100));
    expect(await counts()).toEqual({ items: 1, bytes: 3 + 15 + 100 });
    await store.put('key', 'x');
    await store.put('a', '');
    expect(await counts()).toEqual({ items: 2, bytes: 3 + 15 + 1 + 1 + 15 });
    await store.batch([
      { type: 'delete', key: 'key' },
      { type: 'put', key: 'b', value: '1' },
      { type: 'delete', key: 'b' },
      { type: 'delete', key: 'never there' },
    ]);
    expect(await counts()).toEqual({ items: 1, bytes: 16 });
    await adapter.close();
    const again = await open({ path }).open('orders', 0);
    expect(await counts(again)).toEqual({ items: 1, bytes: 16 });
  });

  it('describes itself and RocksDB in info', async () => {
    const adapter = await create({ writeBufferSize: '1MB', compression: 'deflate' });
    const store = await adapter.open('orders', 3);
    await store.put('key', 'value');
    await store.optimize();
    const info = await store.info();
    expect(info).toMatchObject({
      adapter: 'rocksdb',
      durable: true,
      details: { store: 1, sync: 'always', writeBufferSize: 1024 * 1024, compression: 'deflate' },
    });
    const rocksdb = info.details['rocksdb'] as Record<string, number>;
    expect(rocksdb['total-sst-files-size']).toBeGreaterThan(0);
    expect(rocksdb['background-errors']).toBe(0);
  });

  it('info says that the store is not durable if writes are acknowledged before they are synced', async () => {
    const adapter = await create();
    const store = await adapter.open('orders', 0, { settings: { sync: 'os' } });
    expect(await store.info()).toMatchObject({ durable: false, details: { sync: 'os' } });
  });

  it('frees space when a store is destroyed and another one optimized', async () => {
    const adapter = await create({ sync: 'os' });
    const [kept, gone] = [await adapter.open('a', 0), await adapter.open('b', 0)];
    for (let i = 0; i < 40; i++) await gone.put(`${i}`, Buffer.alloc(100_000, i));
    await kept.put('key', 'value');
    await gone.optimize();
    const size = async () => (await kept.info()).details['rocksdb'] as Record<string, number>;
    expect((await size())['total-sst-files-size']).toBeGreaterThan(4_000_000);
    await gone.truncate();
    await gone.optimize();
    expect((await size())['total-sst-files-size']).toBeLessThan(100_000);
    expect((await kept.get('key'))?.toString()).toBe('value');
  });

  it('never gives a write an earlier time than the write before it, even after a reopen', async () => {
    const path = await directory();
    const adapter = open({ path });
    const store = await adapter.open('orders', 0);
    const now = vi.spyOn(Date, 'now');
    try {
      now.mockReturnValue(5000);
      await store.put('a', '1');
      await adapter.close();
      now.mockReturnValue(3000);
      const again = await open({ path }).open('orders', 0);
      await again.put('b', '2');
      const entries = await collect(again.readLogEntries());
      expect(entries.map(({ timestamp }) => timestamp)).toEqual([5000, 5000]);
    } finally {
      now.mockRestore();
    }
  });

  it('pages large values by bytes', async () => {
    const store = await (await create({ sync: 'os' })).open('orders', 0);
    for (let i = 0; i < 6; i++) await store.put(`${i}`, Buffer.alloc(1_500_000));
    expect((await collect(store.scanPages())).map((page) => page.length)).toEqual([2, 2, 2]);
    expect((await collect(store.readLogPages())).map((page) => page.length)).toEqual([2, 2, 2]);
  });

  it('pages deflated values by their inflated size', async () => {
    const store = await (await create({ sync: 'os', compression: 'deflate' })).open('orders', 0);
    const value = Buffer.alloc(1_500_000);
    for (let i = 0; i < 6; i++) await store.put(`${i}`, value);
    expect((await store.info()).bytes).toBeLessThan(value.length);
    // The entry that exceeds 4 MiB ends a page.
    expect((await collect(store.scanPages())).map((page) => page.length)).toEqual([3, 3]);
    expect((await collect(store.scanPages({ reverse: true }))).map((page) => page.length)).toEqual([3, 3]);
    expect((await collect(store.readLogPages())).map((page) => page.length)).toEqual([3, 3]);
    expect(await collect(store.scanPages({ maxBytes: value.length }))).toHaveLength(1);
    expect((await collect(store.scan())).every((entry) => entry.value.equals(value))).toBe(true);
  });

  it('deflates values that get smaller, and reads both kinds under either setting', async () => {
    const path = await directory();
    const text = 'all the same '.repeat(1000);
    const deflating = open({ path, compression: 'deflate' });
    const first = await deflating.open('orders', 0);
    await first.put('text', text);
    await first.put('short', 'x');
    expect((await first.info()).bytes).toBeLessThan(500);
    await deflating.close();
    const store = await open({ path }).open('orders', 0);
    await store.put('plain', text);
    expect((await store.info()).bytes).toBeGreaterThan(text.length);
    expect((await store.get('text'))?.toString()).toBe(text);
    expect((await collect(store.scan())).map(({ value }) => value.toString())).toEqual([text, 'x', text]);
  });

  it('reports writes to the listener of the store', async () => {
    const events: StoreEvent[] = [];
    const store = await (await create()).open('orders', 0, { onEvent: (event) => events.push(event) });
    await store.put('key', 'value');
    await store.batch([]);
    expect(events).toEqual([
      { type: 'write', items: 1, bytes: 3 + 15 + 5, ms: expect.any(Number) as number },
    ]);
  });

  it('gathers writes of many stores into few commits', async () => {
    const adapter = await create();
    const stores = await Promise.all([0, 1, 2, 3].map((partition) => adapter.open('orders', partition)));
    const flush = vi.spyOn(Object.getPrototypeOf(await batchOf()), 'flush');
    try {
      await Promise.all(Array.from({ length: 400 }, (_, i) => stores[i % 4]!.put(`${i}`, 'x')));
      expect(flush.mock.calls.length).toBeLessThan(5);
    } finally {
      flush.mockRestore();
    }
  });
});

describe('a database that cannot be opened', () => {
  it('is LOCKED for a second adapter and a second process, and free once it is closed', async () => {
    const path = await directory();
    const adapter = open({ path });
    await (await adapter.open('orders', 0)).put('a', '1');
    const second = open({ path });
    await expect(second.open('orders', 0)).rejects.toMatchObject({ code: 'LOCKED', retriable: true });
    const script = `new (require('rocksdb-native'))(process.argv[1]).ready().then(() => {}, (e) => console.log(e.message))`;
    const { stdout } = await run(process.execPath, ['-e', script, path]);
    expect(stdout).toMatch(/lock/i);
    await adapter.close();
    expect((await (await second.open('orders', 0)).get('a'))?.toString()).toBe('1');
  });

  it('is refused if its directory cannot be made', async () => {
    // Not even root can write there.
    const adapter = open({ path: '/proc/genrocks/rocksdb' });
    await expect(adapter.onModuleInit()).rejects.toMatchObject({ code: 'IO_ERROR' });
  });

  it('is refused if it does not exist and must not be created', async () => {
    const path = join(await directory(), 'deep', 'down');
    const adapter = open({ path, createIfMissing: false });
    await expect(adapter.onModuleInit()).rejects.toMatchObject({ code: 'IO_ERROR' });
    await expect(readdir(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await open({ path }).open('orders', 0);
  });

  it('is not touched if it belongs to another program', async () => {
    const path = await directory();
    const other = new RocksDB(path);
    await other.ready();
    const batch = other.write({ capacity: 1, autoDestroy: true });
    batch.tryPut(Buffer.from('theirs'), Buffer.from('1'));
    await batch.flush();
    await other.close();
    await expect(open({ path }).list()).rejects.toThrow(/holds data that is not from GenRocks/);
  });

  it('refuses invalid options and settings, all of them in one error', async () => {
    expect(() => new RocksDbStorageAdapter({ writeBufferSize: 'lots', sync: 'never' as never })).toThrow(
      /^storage\.rocksdb\.writeBufferSize: "lots" is not allowed; a size.*\nstorage\.rocksdb\.sync: "never" is not allowed; one of always, os$/,
    );
    const adapter = await create();
    expect(() => adapter.validateSettings({ snyc: 'os' })).toThrow('did you mean sync?');
    expect(() => adapter.validateSettings({ path: '/elsewhere' })).toThrow('storage.rocksdb.path');
  });
});

async function batchOf(): Promise<object> {
  const db = new RocksDB('unused', { createIfMissing: false });
  return db.write({ capacity: 1, autoDestroy: true });
}

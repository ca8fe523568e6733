import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreEvent } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import {
  asText,
  logEntries,
  partitionOf,
  scanText,
  Scratch,
  snapshot,
  withStore,
} from './__fixtures__/directories.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const value = (i: number) => `value-${i}`.padEnd(100, '.');

/** Puts numbered keys one after the other, so that each put is a separate item. */
async function fill(logDir: string, options: DiskLogOptions, from: number, to: number): Promise<void> {
  await withStore({ ...options, logDir }, async (store) => {
    for (let i = from; i <= to; i++) await store.put(`key${String(i).padStart(4, '0')}`, value(i));
  });
}

describe('after a restart', () => {
  it('key1 is the new value and key2 the original', async () => {
    const logDir = await scratch.directory();
    await withStore({ logDir }, async (store) => {
      await store.put('key1', 'value1');
      await store.put('key2', 'value2');
      await store.delete('key1');
      await store.put('key1', 'new_value');
    });
    await withStore({ logDir }, async (store) => {
      expect((await store.get('key1'))?.toString()).toBe('new_value');
      expect((await store.get('key2'))?.toString()).toBe('value2');
      const entries = await logEntries(store);
      expect(entries.map(({ type, key }) => `${type} ${key.toString()}`)).toEqual([
        'put key1',
        'put key2',
        'delete key1',
        'put key1',
      ]);
    });
  });

  it('a log that was not closed opens with everything that was acknowledged', async () => {
    const logDir = await scratch.directory();
    const crashed = new DiskLogStorageAdapter({ logDir });
    const store = await crashed.open('t', 0);
    await store.put('a', '1');
    await store.batch([
      { type: 'put', key: 'b', value: '2' },
      { type: 'delete', key: 'a' },
    ]);
    // A copy taken while the log is open is what a crash leaves.
    const copyDir = await scratch.directory();
    const files = await snapshot(partitionOf(logDir));
    await withStore({ logDir: copyDir }, async () => undefined);
    for (const [name, bytes] of Object.entries(files))
      await writeFile(join(partitionOf(copyDir), name), bytes);
    await withStore({ logDir: copyDir }, async (reopened) => {
      expect(await scanText(reopened)).toEqual({ b: '2' });
      expect((await reopened.info()).details.last_recovery).toMatchObject({
        repaired: true,
        items: 3,
        badBytes: 0,
        ms: expect.toSatisfy(
          (ms: number) => String(ms).length <= String(Math.floor(ms)).length + 2,
        ) as number,
      });
    });
    await crashed.close();
  });
});

describe('a wrap log', () => {
  const options: DiskLogOptions = { maxNoBytes: 1000, maxNoFiles: 3 };

  it('drops its oldest file when it comes round, and reports what was lost', async () => {
    const logDir = await scratch.directory();
    const events: StoreEvent[] = [];
    const adapter = new DiskLogStorageAdapter({ logDir, ...options });
    const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
    const seen = new Set<string>();
    for (let i = 1; i <= 40; i++) {
      await store.put(`key${i}`, value(i));
      for (const name of await readdir(partitionOf(logDir))) if (/^log\.\d+$/.test(name)) seen.add(name);
    }
    expect([...seen].sort()).toEqual(['log.1', 'log.2', 'log.3']);
    const info = await store.info();
    const kept = await logEntries(store);
    expect(kept.at(-1)?.key.toString()).toBe('key40');
    expect(info.lostItems).toBe(40 - kept.length);
    const evicted = events.filter((event) => event.type === 'evicted');
    expect(evicted.reduce((sum, event) => sum + event.items, 0)).toBe(info.lostItems);
    expect(await store.get('key1')).toBeUndefined();
    for (const name of seen)
      expect((await stat(join(partitionOf(logDir), name))).size).toBeLessThanOrEqual(1000);
    await adapter.close();
  });

  it('writes an item larger than a file alone into a fresh file', async () => {
    const logDir = await scratch.directory();
    await withStore({ logDir, ...options }, async (store) => {
      await store.put('small', 'x');
      await store.put('huge', 'y'.repeat(5000));
      await store.put('after', 'z');
      expect((await store.info()).details.files).toBe(3);
      expect((await store.get('huge'))?.length).toBe(5000);
    });
  });

  it('adopts other limits when it is opened: more files at once, fewer as the wrap comes round', async () => {
    const logDir = await scratch.directory();
    await fill(logDir, options, 1, 30);
    const before = await withStore({ logDir, ...options }, (store) => scanText(store));
    await fill(logDir, { ...options, maxNoFiles: 6 }, 31, 60);
    await withStore({ logDir, ...options, maxNoFiles: 6 }, async (store) => {
      expect((await store.info()).details.files).toBe(6);
    });
    await fill(logDir, { ...options, maxNoFiles: 2 }, 61, 90);
    await withStore({ logDir, ...options, maxNoFiles: 2 }, async (store) => {
      expect((await store.info()).details.files).toBe(2);
      const left = await scanText(store);
      expect(Object.keys(left).at(-1)).toBe('key0090');
      expect(Object.keys(left).length).toBeLessThan(Object.keys(before).length);
    });
  });

  it('overflow: reject refuses to drop entries that are still needed, and continues once they are not', async () => {
    const logDir = await scratch.directory();
    await withStore({ logDir, ...options, overflow: 'reject' }, async (store) => {
      store.retainFrom('key05');
      const put = async (i: number) => store.put(`key${String(i).padStart(2, '0')}`, value(i));
      const refused = await (async () => {
        for (let i = 1; i <= 60; i++) await put(i);
      })().catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'RETENTION_FULL', retriable: true });
      expect((await store.get('key05'))?.toString()).toBe(value(5));
      store.retainFrom(null);
      for (let i = 61; i <= 70; i++) await put(i);
      expect(await store.exists('key05')).toBe(false);
    });
  });
});

describe('the key index of closed files', () => {
  const options: DiskLogOptions = { maxNoBytes: 20_000, maxNoFiles: 20, sync: 'os' };
  const index = (logDir: string) => join(partitionOf(logDir), 'log.1.keys');

  async function filled(): Promise<{ logDir: string; expected: Record<string, string> }> {
    const logDir = await scratch.directory();
    await fill(logDir, options, 1, 1000);
    return { logDir, expected: await withStore({ logDir, ...options }, (store) => scanText(store)) };
  }

  it('exists for every file but the current one, and holds the keys', async () => {
    const { logDir, expected } = await filled();
    expect(Object.keys(expected)).toHaveLength(1000);
    const names = await readdir(partitionOf(logDir));
    const left = names.filter((name) => /^log\.\d+$/.test(name)).length - 1;
    expect(names.filter((name) => name.endsWith('.keys'))).toHaveLength(left);
    await withStore({ logDir, ...options }, async (store) => {
      for (const i of [1, 2, 150, 999, 1000]) {
        expect((await store.get(`key${String(i).padStart(4, '0')}`))?.toString()).toBe(value(i));
      }
      expect(await store.exists('key0000')).toBe(false);
      const down: string[] = [];
      for await (const { key } of store.scan({ gte: 'key0100', lt: 'key0400', reverse: true }))
        down.push(key.toString());
      expect(down).toEqual(Object.keys(expected).slice(99, 399).reverse());
    });
  });

  it('is rebuilt if it is missing, cut, or of another file', async () => {
    const { logDir, expected } = await filled();
    const bytes = await readFile(index(logDir));
    const spoil = [
      () => rm(index(logDir)),
      () => truncate(index(logDir), bytes.length - 10),
      async () => writeFile(index(logDir), await readFile(join(partitionOf(logDir), 'log.2.keys'))),
    ];
    for (const step of spoil) {
      await step();
      const events: StoreEvent[] = [];
      const adapter = new DiskLogStorageAdapter({ logDir, ...options });
      const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
      // An existing index is inspected after the open.
      const indexed = () => events.filter(({ type }) => type === 'indexed');
      await expect.poll(() => indexed()).toHaveLength(1);
      expect(await scanText(store)).toEqual(expected);
      await adapter.close();
      expect((await readFile(index(logDir))).equals(bytes)).toBe(true);
    }
  });

  it('never gives a wrong answer, whichever of its bytes is changed', async () => {
    const { logDir, expected } = await filled();
    const bytes = await readFile(index(logDir));
    for (let at = 0; at < bytes.length; at += 97) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x41;
      await writeFile(index(logDir), damaged);
      await withStore({ logDir, ...options }, async (store) => {
        expect((await store.get('key0001'))?.toString()).toBe(expected.key0001);
        expect((await store.get('key0050'))?.toString()).toBe(expected.key0050);
        expect(await scanText(store)).toEqual(expected);
      });
    }
  });
});

describe('a halt log', () => {
  it('refuses a write that does not fit completely, until the log is truncated or the limit is raised', async () => {
    const logDir = await scratch.directory();
    const options: DiskLogOptions = { logDir, logType: 'halt', maxNoBytes: 1000 };
    await withStore(options, async (store) => {
      for (let i = 0; i < 5; i++) await store.put(`k${i}`, value(i));
      const batch = Array.from({ length: 5 }, (_, i) => ({
        type: 'put' as const,
        key: `b${i}`,
        value: value(i),
      }));
      await expect(store.batch(batch)).rejects.toMatchObject({ code: 'LOG_FULL', retriable: false });
      expect(Object.keys(await scanText(store))).toEqual(['k0', 'k1', 'k2', 'k3', 'k4']);
      await store.truncate();
      await store.put('again', 'x');
    });
    await withStore({ ...options, maxNoBytes: '1MB' }, async (store) => {
      for (let i = 0; i < 50; i++) await store.put(`k${i}`, value(i));
      expect(Object.keys(await scanText(store))).toHaveLength(51);
    });
  });

  it('is not opened as a wrap log, nor the other way round', async () => {
    const logDir = await scratch.directory();
    await withStore({ logDir, logType: 'halt' }, (store) => store.put('a', '1'));
    await expect(withStore({ logDir }, async () => undefined)).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    });
    await withStore({ logDir, logType: 'halt' }, async (store) =>
      expect(await scanText(store)).toEqual({ a: '1' }),
    );
  });
});

describe('repair: false', () => {
  it('refuses an unclosed log and leaves it untouched', async () => {
    const logDir = await scratch.golden('halt_torn');
    const before = await snapshot(partitionOf(logDir, 'golden'));
    const opening = withStore({ logDir, logType: 'halt', repair: false }, async () => undefined, 'golden');
    await expect(opening).rejects.toMatchObject({ code: 'NEED_REPAIR' });
    const after = await snapshot(partitionOf(logDir, 'golden'));
    delete after['log.lock'];
    expect(after).toEqual(before);
  });

  it('opens a log that was closed', async () => {
    const logDir = await scratch.golden('halt_closed');
    const read = async () =>
      withStore(
        { logDir, logType: 'halt', repair: false },
        async (s) => asText(await logEntries(s)),
        'golden',
      );
    expect(await read()).toHaveLength(8);
    expect(await read()).toHaveLength(8);
  });
});

describe('a compact log', () => {
  it('keeps the newest value of every key for ever, in bounded space', async () => {
    const logDir = await scratch.directory();
    const options: DiskLogOptions = { logDir, logType: 'compact', sync: 'os' };
    await withStore(options, async (store) => {
      await store.put('first', 'kept');
      for (let round = 0; round < 200; round++) {
        const writes = Array.from({ length: 100 }, (_, i) => store.put(`k${i}`, value(round)));
        await Promise.all([...writes, store.put('gone', 'x'), store.delete('gone')]);
      }
      await store.optimize();
      const info = await store.info();
      expect(info.bytes).toBeLessThan(30_000);
      expect(info.items).toBeLessThan(110);
    });
    await withStore(options, async (store) => {
      const all = await scanText(store);
      expect(Object.keys(all)).toHaveLength(101);
      expect([all.first, all.k42, all.gone]).toEqual(['kept', value(199), undefined]);
    });
  });
});

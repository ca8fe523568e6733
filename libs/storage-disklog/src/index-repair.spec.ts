import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { PartitionStore, StoreEvent } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, scanText, Scratch, withStore } from './__fixtures__/directories.js';
import { fastFileSystem } from './__fixtures__/recording-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import type { FileHandle } from './io/file-system.js';

const scratch = Scratch.inMemory();
afterAll(() => scratch.clear());

const VALUE = 'v'.repeat(60);
const key = (i: number) => `k${String(i).padStart(4, '0')}`;

async function write(store: PartitionStore, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await store.put(key(i), `${i} ${VALUE}`);
}

/** An open log whose first file has a rotten key index, and a `get` that is rebuilding it from the file. */
async function repairing(options: DiskLogOptions, first: string) {
  const logDir = await scratch.directory();
  const settings: DiskLogOptions = { maxNoBytes: 2000, sync: 'os', logDir, ...options };
  await withStore(settings, (store) => write(store, 0, 60));
  const index = join(partitionOf(logDir), `${first}.keys`);
  const bytes = await readFile(index);
  bytes[40]! ^= 1;
  await writeFile(index, bytes);
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  let isRead = false;
  const gated = (handle: FileHandle): FileHandle =>
    Object.assign(Object.create(handle) as FileHandle, {
      read: async (...args: Parameters<FileHandle['read']>) => {
        isRead = true;
        await gate;
        return handle.read(...args);
      },
    });
  const openSync = (path: string) => {
    const handle = fastFileSystem.openSync(path);
    return path === join(partitionOf(logDir), first) ? gated(handle) : handle;
  };
  const adapter = new DiskLogStorageAdapter(settings, { ...fastFileSystem, openSync });
  const events: StoreEvent[] = [];
  const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
  const got = store.get(key(3)).then((value) => value?.toString());
  got.catch(() => undefined);
  while (!isRead) await turn();
  return { settings, adapter, store, index, got, goOn, events };
}

describe('an index that is being rebuilt while its file is removed', () => {
  it.each<DiskLogOptions>([{ format: 'internal' }, { format: 'external', maxNoBytes: 4000 }])(
    'by a wrap is not written: %o',
    async (format) => {
      const { settings, adapter, store, index, got, goOn, events } = await repairing(
        { ...format, maxNoFiles: 4 },
        'log.1',
      );
      let n = 60;
      const evicted = () => events.some(({ type }) => type === 'evicted');
      while (!evicted()) await write(store, n, ++n);
      const before = existsSync(index) ? await readFile(index) : undefined;
      goOn();
      expect(await got).toBeUndefined();
      expect(existsSync(index) ? await readFile(index) : undefined).toEqual(before);
      await adapter.close();
      await withStore(settings, async (again) => {
        expect((await again.info()).details.damaged_ranges).toEqual([]);
        expect(Object.keys(await scanText(again))).toContain(key(n - 1));
      });
    },
  );

  it('by a truncation is not written: it could pass for the index of the next file with its number', async () => {
    const { settings, adapter, store, index, got, goOn } = await repairing({ maxNoFiles: 9 }, 'log.1');
    await store.truncate();
    goOn();
    await got;
    await adapter.close();
    expect(existsSync(index)).toBe(false);
    await withStore(settings, async (again) => {
      await write(again, 100, 160);
      expect(Object.keys(await scanText(again))).toHaveLength(60);
    });
  });

  it('by a merge is not written', async () => {
    const { adapter, store, index, got, goOn } = await repairing({ logType: 'compact' }, 'log');
    const merged = store.optimize();
    goOn();
    await Promise.all([got, merged]);
    await write(store, 0, 60);
    await store.optimize();
    await adapter.close();
    expect(existsSync(index)).toBe(existsSync(index.replace('.keys', '')));
  });

  it('by closing the log is not written: the directory may have another owner', async () => {
    const { settings, adapter, index, got, goOn } = await repairing({ maxNoFiles: 9 }, 'log.1');
    await adapter.close();
    const other = new DiskLogStorageAdapter(settings, fastFileSystem);
    await other.destroy('t', 0);
    await write(await other.open('t', 0), 0, 1);
    goOn();
    // The key exists, so the answer must not be that it does not.
    await expect(got).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    expect(existsSync(index)).toBe(false);
    await other.close();
  });
});

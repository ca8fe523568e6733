import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { PartitionStore, StoreEvent } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, Scratch } from './__fixtures__/directories.js';
import { contentsOf } from './__fixtures__/expected-log.js';
import { fastFileSystem } from './__fixtures__/recording-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import type { FileSystem } from './io/file-system.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const LONG = 300 << 10;
const wrap = { logType: 'wrap', maxNoBytes: 1000, maxNoFiles: 4 } as const;

type First = (store: PartitionStore, key: string) => Promise<void>;
const firsts: { name: string; first: First }[] = [
  { name: 'one long item', first: (store, key) => store.put(key, 'x'.repeat(LONG)) },
  {
    name: 'a long batch of short entries',
    first: (store, key) =>
      store.batch(
        Array.from({ length: 300 }, (_, i) => ({ type: 'put', key: `${key} ${i}`, value: 'x'.repeat(1000) })),
      ),
  },
];

/** Counts the bytes read of each log file until the log is open. */
async function opened<T>(
  options: DiskLogOptions,
  use: (store: PartitionStore, readOf: ReadonlyMap<string, number>, events: StoreEvent[]) => Promise<T>,
): Promise<T> {
  const readOf = new Map<string, number>();
  const events: StoreEvent[] = [];
  let isOpen = false;
  const count = (path: string, bytes: number) => {
    if (!isOpen) readOf.set(basename(path), (readOf.get(basename(path)) ?? 0) + bytes);
    return bytes;
  };
  const fs: FileSystem = {
    ...fastFileSystem,
    openSync(path) {
      const handle = fastFileSystem.openSync(path);
      const read = handle.read.bind(handle);
      const readSync = handle.readSync.bind(handle);
      handle.read = async (...args) => count(path, await read(...args));
      handle.readSync = (...args) => count(path, readSync(...args));
      return handle;
    },
  };
  const adapter = new DiskLogStorageAdapter(options, fs);
  try {
    const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
    isOpen = true;
    return await use(store, readOf, events);
  } finally {
    await adapter.close();
  }
}

const formats = ['internal', 'external'] as const;
const cases = firsts.flatMap(({ name, first }) => formats.map((format) => ({ name, first, format })));

describe.each(cases)('files that start with $name, format $format', ({ first, format }) => {
  async function filled() {
    const options: DiskLogOptions = { ...wrap, format, logDir: await scratch.directory() };
    await opened(options, async (store) => {
      for (const key of ['a', 'b', 'c']) await first(store, key);
      await store.put('last', '1');
    });
    const file = (name: string) => join(partitionOf(options.logDir!), name);
    return { options, file };
  }

  it('are not read for their generation, even without a summary', async () => {
    const { options, file } = await filled();
    await rm(file('log.left'));
    await opened(options, async (store, readOf, events) => {
      for (const name of ['log.1', 'log.2', 'log.3']) expect(readOf.get(name)).toBeLessThan(64 << 10);
      expect(events).toEqual([]);
      expect((await contentsOf(store)).live.map(([key]) => key)).toContain('last');
    });
  });

  it('are found in order if log.idx is lost, with or without an index', async () => {
    const { options, file } = await filled();
    const before = await opened(options, (store) => contentsOf(store));
    await rm(file('log.left'));
    await rm(file('log.idx'));
    await rm(file('log.2.keys'));
    const after = await opened(options, (store) => contentsOf(store));
    expect(after).toEqual(before);
  });

  it('are read if the end of the file disagrees with its index', async () => {
    const { options, file } = await filled();
    await rm(file('log.left'));
    // With the same length and another generation.
    await writeFile(file('log.1'), await readFile(file('log.2')));
    await opened(options, async (store, _, events) => {
      expect(events.some(({ type }) => type === 'damaged')).toBe(true);
      expect((await store.get('last'))?.toString()).toBe('1');
    });
  });
});

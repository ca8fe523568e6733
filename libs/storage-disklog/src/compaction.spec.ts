import { cp } from 'node:fs/promises';
import type { PartitionStore } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { Scratch } from './__fixtures__/directories.js';
import { contentsOf } from './__fixtures__/expected-log.js';
import { FaultyFileSystem } from './__fixtures__/faulty-file-system.js';
import { fastFileSystem } from './__fixtures__/recording-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import type { FileSystem } from './io/file-system.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

async function open(
  options: DiskLogOptions,
): Promise<{ adapter: DiskLogStorageAdapter; store: PartitionStore }> {
  const adapter = new DiskLogStorageAdapter(options, fastFileSystem);
  return { adapter, store: await adapter.open('t', 0) };
}

const filler = 'f'.repeat(10_000);

describe('a compaction while others write', () => {
  it.each(['put', 'delete', 'batch', 'truncate'] as const)(
    '%s: nothing is lost, nothing comes back',
    async (kind) => {
      const logDir = await scratch.directory();
      const options: DiskLogOptions = { logDir, logType: 'compact', sync: 'os' };
      const { adapter, store } = await open(options);
      const expected = new Map<string, string>();
      for (let round = 0; round < 2; round++) {
        const writes = Array.from({ length: 300 }, (_, i) => [`k${i}`, `${round}${filler}`] as const);
        await Promise.all(writes.map(([key, value]) => store.put(key, value)));
        for (const [key, value] of writes) expected.set(key, value);
      }
      let done = false;
      const compaction = store.optimize().finally(() => (done = true));
      let during = 0;
      for (let i = 0; i < 300; i++) {
        if (!done) during++;
        if (kind === 'put') {
          await store.put(`k${i}`, 'new');
          expected.set(`k${i}`, 'new');
        } else if (kind === 'delete') {
          await store.delete(`k${i}`);
          expected.delete(`k${i}`);
        } else if (kind === 'batch') {
          await store.batch([
            { type: 'put', key: `k${i}`, value: 'new' },
            { type: 'delete', key: `k${299 - i}` },
          ]);
          expected.set(`k${i}`, 'new');
          expected.delete(`k${299 - i}`);
        } else if (i === 2) {
          await store.truncate();
          expected.clear();
        } else {
          await store.put(`n${i}`, 'new');
          expected.set(`n${i}`, 'new');
        }
      }
      await compaction;
      expect(during).toBeGreaterThan(3);
      const live = [...expected].sort(([a], [b]) => (a < b ? -1 : 1));
      expect((await contentsOf(store)).live).toEqual(live);
      // As a crash would leave it, and after a close.
      const copy = await scratch.directory();
      await cp(logDir, copy, { recursive: true, filter: (path) => !path.endsWith('log.lock') });
      await adapter.close();
      for (const directory of [copy, logDir]) {
        const again = await open({ ...options, logDir: directory });
        expect((await contentsOf(again.store)).live).toEqual(live);
        await again.adapter.close();
      }
    },
  );
});

/** A file system in which a compaction, once `armed`, stops at its first long write until it is released. */
class HeldCopies {
  armed = false;
  readonly reached: Promise<void>;
  release!: () => void;
  readonly fs: FileSystem;

  constructor() {
    let reach!: () => void;
    this.reached = new Promise<void>((resolve) => (reach = resolve));
    const released = new Promise<void>((resolve) => (this.release = resolve));
    this.fs = {
      ...fastFileSystem,
      open: async (path, options) => {
        const handle = await fastFileSystem.open(path, options);
        const write = handle.write.bind(handle);
        handle.write = async (source, offset, length, position) => {
          // The write of a new head is short and does not wait.
          if (this.armed && options.create === true && length > 1000) {
            reach();
            await released;
          }
          return write(source, offset, length, position);
        };
        return handle;
      },
    };
  }
}

it('a copy in progress and a truncation do not use the same file', async () => {
  const logDir = await scratch.directory();
  const copies = new HeldCopies();
  const adapter = new DiskLogStorageAdapter({ logDir, logType: 'compact', sync: 'os' }, copies.fs);
  const store = await adapter.open('t', 0);
  for (let i = 0; i < 100; i++) await store.put(`k${i}`, filler);
  copies.armed = true;
  const compaction = store.optimize();
  await copies.reached;
  await store.truncate();
  await store.put('after', 'x');
  copies.release();
  await compaction;
  await store.put('later', 'y');
  const live = [
    ['after', 'x'],
    ['later', 'y'],
  ];
  expect((await contentsOf(store)).live).toEqual(live);
  await adapter.close();
  const again = await open({ logDir, logType: 'compact' });
  expect((await contentsOf(again.store)).live).toEqual(live);
  await again.adapter.close();
});

it('keeps the tombstone of a key that was copied before it was deleted, and no other', async () => {
  const logDir = await scratch.directory();
  const copies = new HeldCopies();
  const adapter = new DiskLogStorageAdapter({ logDir, logType: 'compact', sync: 'os' }, copies.fs);
  const store = await adapter.open('t', 0);
  await store.put('early', filler);
  for (let i = 0; i < 100; i++) await store.put(`k${i}`, filler);
  await store.delete('early');
  copies.armed = true;
  const compaction = store.optimize();
  await copies.reached;
  await store.delete('k0');
  copies.release();
  await compaction;
  const { live, log } = await contentsOf(store);
  expect(live.map(([key]) => key)).not.toContain('k0');
  expect(live).toHaveLength(99);
  expect(log.filter((entry) => !entry.includes('='))).toEqual(['k0-']);
  await adapter.close();
  const again = await open({ logDir, logType: 'compact' });
  expect((await contentsOf(again.store)).live).toEqual(live);
  await again.adapter.close();
});

it.each([
  ['one file', {}],
  ['segments', { maxNoBytes: 20_000 }],
])('a compaction that was requested before does not touch a closed log of %s', async (_, limits) => {
  const logDir = await scratch.directory();
  const fs = new FaultyFileSystem();
  const adapter = new DiskLogStorageAdapter({ logDir, logType: 'compact', sync: 'os', ...limits }, fs);
  const store = await adapter.open('t', 0);
  for (let i = 0; i < 50; i++) await store.put(`k${i % 20}`, filler);
  const compaction = store.optimize();
  await Promise.all([
    expect(compaction).rejects.toMatchObject({ code: 'STORE_CLOSED' }),
    store.close().then(() => void (fs.fault = () => 'EIO')),
  ]);
  expect(fs.openHandles).toEqual(new Set());
  await adapter.close();
});

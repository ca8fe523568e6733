import { readdirSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { PartitionStore } from '@genrocks/storage';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { partitionOf, Scratch, withStore } from './__fixtures__/directories.js';
import { FaultyFileSystem } from './__fixtures__/faulty-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

let fs: FaultyFileSystem;
let logDir: string;
beforeEach(async () => {
  fs = new FaultyFileSystem();
  logDir = await scratch.directory();
});

async function open(options: DiskLogOptions) {
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fs);
  return { adapter, store: await adapter.open('t', 0) };
}

describe('a compact log on a full device', () => {
  const segments: DiskLogOptions = { logType: 'compact', maxNoBytes: 4000, sync: 'os' };

  it('leaves no remains of key indexes for which there was no room', async () => {
    const { adapter, store } = await open(segments);
    fs.fault = ({ name, file }) => (name === 'write' && file.endsWith('.keys.new') ? 'ENOSPC' : undefined);
    for (let i = 0; i < 300; i++) await store.put(`k${i % 100}`, 'v'.repeat(40));
    await expect(store.optimize()).rejects.toMatchObject({ code: 'NO_SPACE' });
    await adapter.close();
    const names = readdirSync(partitionOf(logDir));
    expect(names).toContain('log.segments');
    expect(names.filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('does not try to compact at every write, but does so later', async () => {
    const { adapter, store } = await open({ logType: 'compact', sync: 'os' });
    const attempts = () =>
      fs.calls.filter(({ name, file }) => name === 'open' && file === 'log.compacted').length;
    const write = async (times: number) => {
      for (let i = 0; i < times; i++) {
        await store.put(`k${i % 10}`, 'v'.repeat(1000));
        await turn();
      }
    };
    fs.fault = ({ name, file }) => (name === 'write' && file === 'log.compacted' ? 'ENOSPC' : undefined);
    // One MiB makes a compaction worthwhile; less than another MiB follows.
    await write(1800);
    expect(attempts()).toBe(1);
    fs.fault = () => undefined;
    const bytes = async () => (await store.info()).bytes;
    for (let i = 0; i < 3000 && (await bytes()) >= 1 << 20; i++) await write(1);
    expect(await bytes()).toBeLessThan(1 << 20);
    await adapter.close();
  });
});

describe('a merge that optimize() waits for and that is aborted', () => {
  const segments: DiskLogOptions = { logType: 'compact', maxNoBytes: 4000, sync: 'os' };

  /** Starts the first merge, and runs something else when it reads the first segment. */
  async function optimizing<T>(meanwhile: (store: PartitionStore) => Promise<T>) {
    const opened = await open(segments);
    fs.fault = ({ name, file }) => (name === 'write' && file.endsWith('.keys.new') ? 'ENOSPC' : undefined);
    await opened.store.put('needed', 'of the first');
    for (let i = 0; i < 300; i++) await opened.store.put(`k${i % 10}`, 'v'.repeat(40));
    // From here on, no merge is running.
    await expect(opened.store.optimize()).rejects.toMatchObject({ code: 'NO_SPACE' });
    let other: Promise<T> | undefined;
    fs.fault = ({ name, file }) => {
      if (name === 'read' && file === 'log') other ??= meanwhile(opened.store);
      return name === 'open' && file === 'log.truncating' ? 'EMFILE' : undefined;
    };
    const outcome = await opened.store.optimize().then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
    expect(other).toBeDefined();
    await other;
    return { ...opened, outcome };
  }

  it('by a truncation that is refused starts again', async () => {
    const { adapter, store, outcome } = await optimizing((emptied) =>
      expect(emptied.truncate()).rejects.toMatchObject({ code: 'IO_ERROR', retriable: true }),
    );
    expect(outcome).toBe('done');
    expect((await store.info()).bytes).toBeLessThan(2000);
    await adapter.close();
  });

  it('by closing the store fails with STORE_CLOSED', async () => {
    const { outcome } = await optimizing((store) => store.close());
    expect(outcome).toBe('STORE_CLOSED');
  });
});

it('a merge that ended at damage is retried when the log is twice as long, not at every segment', async () => {
  const options: DiskLogOptions = { logType: 'compact', maxNoBytes: 2000, sync: 'os' };
  const key = (i: number) => `k${String(i).padStart(4, '0')}`;
  await withStore({ ...options, logDir }, async (store) => {
    for (let i = 0; i < 100; i++) await store.put(key(i), 'v'.repeat(60));
  });
  const names = readdirSync(partitionOf(logDir)).filter((name) => /^log\.c\d+$/.test(name));
  const [second] = names.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const path = join(partitionOf(logDir), second!);
  const bytes = await readFile(path);
  bytes[1000]! ^= 1;
  await writeFile(path, bytes);
  await rm(`${path}.keys`);
  const { adapter, store } = await open(options);
  for (let i = 100; i < 900; i++) {
    await store.put(key(i), 'v'.repeat(60));
    // A merge in progress continues.
    await turn();
  }
  await expect(store.optimize()).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
  const { details } = await store.info();
  expect(details.files).toBeGreaterThan(40);
  // Every attempt reads the keys of the oldest segment, and reads them twice if it finds them.
  const reads = fs.calls.filter(({ name, file }) => name === 'read' && file === 'log.keys');
  expect(reads.length).toBeGreaterThan(0);
  expect(reads.length).toBeLessThan(20);
  await adapter.close();
});

it('a log whose head cannot be marked as opened does not open: a crash would leave a closed file with a torn tail', async () => {
  const first = await open({ logType: 'halt' });
  await first.store.put('a', '1');
  await first.adapter.close();
  // A write that accepts no bytes, without an error.
  fs.fault = ({ name, file }) => (name === 'write' && file === 'log' ? 0 : undefined);
  await expect(open({ logType: 'halt' })).rejects.toMatchObject({ code: 'NO_SPACE' });
});

it('overflow: reject is not stopped by a damaged key index, which is rebuilt', async () => {
  const options: DiskLogOptions = { maxNoBytes: 2000, maxNoFiles: 3, overflow: 'reject', sync: 'os' };
  const key = (i: number) => `k${String(i).padStart(3, '0')}`;
  await withStore({ ...options, logDir }, async (store) => {
    for (let i = 0; i < 40; i++) await store.put(key(i), 'v'.repeat(60));
  });
  const index = join(partitionOf(logDir), 'log.1.keys');
  const bytes = await readFile(index);
  bytes[100]! ^= 1;
  await writeFile(index, bytes);
  await withStore({ ...options, logDir }, async (store) => {
    store.retainFrom(key(0));
    const fill = async () => {
      for (let i = 40; i < 90; i++) await store.put(key(i), 'v'.repeat(60));
    };
    await expect(fill()).rejects.toMatchObject({ code: 'RETENTION_FULL' });
    store.retainFrom(null);
    await fill();
  });
});

it('remains of a destroyed store that cannot be removed do not keep other stores from opening', async () => {
  await mkdir(join(logDir, '~destroyed-1-2-3'));
  const { removeTree } = fs;
  fs.removeTree = () => Promise.reject(Object.assign(new Error('busy'), { code: 'EBUSY' }));
  const { adapter } = await open({});
  expect(await readdir(logDir)).toContain('~destroyed-1-2-3');
  fs.removeTree = removeTree;
  await adapter.open('t', 1);
  expect(await readdir(logDir)).toEqual(['t']);
  await adapter.close();
});

it('a store that was being truncated when its process ended is still listed', async () => {
  const { adapter, store } = await open({});
  await store.put('a', '1');
  fs.fault = ({ name, file }) => (name === 'rename' && file === 'log.idx' ? 'EIO' : undefined);
  await expect(store.truncate()).rejects.toMatchObject({ code: 'SYNC_FAILED' });
  await adapter.close();
  fs.fault = () => undefined;
  const later = new DiskLogStorageAdapter({ logDir }, fs);
  expect(await later.list()).toEqual([{ topic: 't', partition: 0 }]);
  expect(await (await later.open('t', 0)).exists('a')).toBe(false);
  await later.close();
});

import { mkdir, open, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartitionStore } from '@genrocks/storage';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { logEntries, partitionOf, scanText, Scratch, withStore } from './__fixtures__/directories.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { LogSnapshot, repairLog } from './tools/index.js';

const scratch = new Scratch();
afterEach(() => void vi.useRealTimers());
afterAll(() => scratch.clear());

const wrap: DiskLogOptions = { logType: 'wrap', maxNoBytes: 300, maxNoFiles: 9 };

async function filled(options: DiskLogOptions): Promise<string> {
  const logDir = await scratch.directory();
  await withStore({ ...options, logDir }, async (store) => {
    for (let i = 0; i < 12; i++) await store.put(`k${i}`, 'v');
  });
  return logDir;
}

const size = async (store: PartitionStore) => Object.keys(await scanText(store)).length;

it.each([
  ['of a version to come', (path: string) => writeFile(path, Buffer.from([0, 0, 0, 0, 0, 9, 0, 0, 0, 1]))],
  ['that is a link to nothing', (path: string) => symlink('/nowhere/at/all', path)],
])('a log.idx %s is made anew', async (_, make) => {
  const logDir = await filled(wrap);
  const index = join(partitionOf(logDir), 'log.idx');
  await rm(index);
  await make(index);
  expect(await withStore({ ...wrap, logDir }, size)).toBe(12);
  expect((await stat(index)).isFile()).toBe(true);
});

const besides = ['log.idx', 'log.siz', 'log.end', 'log.segments', 'log.truncating', 'log.new'];
it.each([...besides, 'log.lock'])(
  'a directory in the place of %s is refused, and nothing is changed',
  async (name) => {
    const logDir = await filled(wrap);
    const path = join(partitionOf(logDir), name);
    await rm(path, { force: true });
    await mkdir(path);
    await expect(withStore({ ...wrap, logDir }, size)).rejects.toMatchObject({ code: 'IO_ERROR' });
    if (name === 'log.lock') {
      const adapter = new DiskLogStorageAdapter({ logDir });
      await expect(adapter.destroy('t', 0)).rejects.toMatchObject({ code: 'IO_ERROR' });
      await adapter.close();
    } else {
      await expect(LogSnapshot.open(partitionOf(logDir))).rejects.toMatchObject({ code: 'IO_ERROR' });
      await expect(repairLog(partitionOf(logDir))).rejects.toMatchObject({ code: 'IO_ERROR' });
    }
    await rm(path, { recursive: true });
    expect(await withStore({ ...wrap, logDir }, size)).toBe(12);
  },
);

it('a directory named log.left, a cache, does no harm', async () => {
  const logDir = await filled(wrap);
  const path = join(partitionOf(logDir), 'log.left');
  await rm(path);
  await mkdir(path);
  await withStore({ ...wrap, logDir }, async (store) => {
    expect(await size(store)).toBe(12);
    await store.truncate();
    await store.put('new', 'v');
  });
  await (await LogSnapshot.open(partitionOf(logDir))).close();
  expect(await withStore({ ...wrap, logDir }, size)).toBe(1);
});

it('a clock that is set back changes the times of entries, not their order', async () => {
  const logDir = await filled(wrap);
  vi.useFakeTimers({ toFake: ['Date'], now: 1000 });
  await withStore({ ...wrap, logDir }, (store) => store.put('k3', 'newer'));
  const entries = await withStore({ ...wrap, logDir }, logEntries);
  expect(entries.at(-1)).toMatchObject({ type: 'put', timestamp: 1000 });
  expect(await withStore({ ...wrap, logDir }, (store) => store.get('k3'))).toEqual(Buffer.from('newer'));
});

it('a hole after the items of a log that was not closed is not damage', async () => {
  const logDir = await filled({ logType: 'halt' });
  const handle = await open(join(partitionOf(logDir), 'log'), 'r+');
  await handle.write(Buffer.from('06070809', 'hex'), 0, 4, 4);
  await handle.truncate(64 << 20);
  await handle.close();
  const details = await withStore({ logType: 'halt', logDir }, async (store) => (await store.info()).details);
  expect(details).toMatchObject({ damaged_ranges: [], last_recovery: { badBytes: 0 } });
  expect(await withStore({ logType: 'halt', logDir }, size)).toBe(12);
});

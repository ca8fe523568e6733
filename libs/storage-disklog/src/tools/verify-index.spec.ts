import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { partitionOf, Scratch, withStore } from '../__fixtures__/directories.js';
import { nodeFileSystem } from '../io/file-system.js';
import { LogSnapshot, verifyLog } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());
afterEach(() => void vi.restoreAllMocks());

/** A wrap log, and the indexes of two closed files. */
async function wrapLog() {
  const logDir = await scratch.directory();
  await withStore({ logDir, maxNoBytes: 1500, maxNoFiles: 3, sync: 'os' }, async (store) => {
    for (let i = 1; i <= 70; i++) await store.put(`key${i}`, `value-${i}`);
  });
  const directory = partitionOf(logDir);
  // The first file is being written again by now.
  expect(readdirSync(directory)).toEqual(expect.arrayContaining(['log.2.keys', 'log.3.keys']));
  return { directory, index: join(directory, 'log.2.keys'), other: join(directory, 'log.3.keys') };
}

/** The findings if the index of another file replaces an index before it is opened the `at`-th time. */
async function verifyReplacing(at: number) {
  const { directory, index, other } = await wrapLog();
  const openSync = nodeFileSystem.openSync.bind(nodeFileSystem);
  let times = 0;
  const spy = vi.spyOn(nodeFileSystem, 'openSync').mockImplementation((path) => {
    if (path === index && ++times === at) copyFileSync(other, index);
    return openSync(path);
  });
  const log = await LogSnapshot.open(directory);
  const { findings } = await verifyLog(log);
  await log.close();
  spy.mockRestore();
  return { damage: findings.filter(({ severity }) => severity === 'damage'), times };
}

it('an index replaced by that of the next use of its file while it is read is not damage', async () => {
  const { damage, times } = await verifyReplacing(Infinity);
  expect(damage).toEqual([]);
  expect(times).toBeGreaterThan(2);
  for (let at = 1; at <= times; at++)
    expect((await verifyReplacing(at)).damage, `replaced before it is opened, ${at}`).toEqual([]);
});

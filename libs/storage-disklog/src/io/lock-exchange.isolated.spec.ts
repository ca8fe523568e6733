import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { Scratch } from '../__fixtures__/directories.js';
import type * as Kernel from './kernel-locks.js';
import { lockDirectory } from './lock.js';

/** Runs between the opening of a lock's file and its locking, once. */
const stalled = vi.hoisted(() => ({ meanwhile: () => {} }));

vi.mock('./kernel-locks.js', async (original) => {
  const locks = (await original<typeof Kernel>()).loadKernelLocks()!;
  const tryLock = (fd: number) => {
    const { meanwhile } = stalled;
    stalled.meanwhile = () => {};
    meanwhile();
    return locks.tryLock(fd);
  };
  return { loadKernelLocks: () => ({ tryLock }) };
});

const scratch = new Scratch();
afterAll(() => scratch.clear());

async function stalledWhile(step: (directory: string, path: string) => void) {
  const logDir = await scratch.directory();
  const directory = join(logDir, 'partition_0');
  const path = join(directory, 'log.lock');
  mkdirSync(directory);
  stalled.meanwhile = () => {
    const destroying = lockDirectory(path, 'log');
    renameSync(directory, join(logDir, '~destroyed'));
    step(directory, path);
    rmSync(join(logDir, '~destroyed'), { recursive: true });
    destroying.release();
  };
  return () => lockDirectory(path, 'log');
}

it('a lock file opened just before its store was destroyed does not lock the next store', async () => {
  let owner = { release: () => {} };
  const open = await stalledWhile((directory, path) => {
    mkdirSync(directory);
    owner = lockDirectory(path, 'log');
  });
  expect(open).toThrow(expect.objectContaining({ code: 'LOCKED', details: { pid: process.pid } }));
  owner.release();
  open().release();
});

it('nor a store that nobody has created again', async () => {
  const open = await stalledWhile(() => {});
  // The directory has to be made again, and whoever made it before does so.
  expect(open).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

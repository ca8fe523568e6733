import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Scratch } from '../__fixtures__/directories.js';

// As on a platform without a prebuilt kernel lock, 32-bit ARM for example.
vi.mock('node:module', async (original) => ({
  ...(await original<typeof import('node:module')>()),
  createRequire: () => () => {
    throw new Error('no binary');
  },
}));
const { lockDirectory } = await import('./lock.js');

const scratch = new Scratch();
afterAll(() => scratch.clear());

let path: string;
beforeEach(async () => {
  path = join(await scratch.directory(), 'log.lock');
});

const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid;

describe('a lock by pid', () => {
  it('keeps out a second holder in this process and another one, until it is released', () => {
    const lock = lockDirectory(path, 'log');
    expect(() => lockDirectory(path, 'log')).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    lock.release();
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, `${process.ppid}\n`);
    expect(() => lockDirectory(path, 'log')).toThrow(
      expect.objectContaining({ code: 'LOCKED', details: { pid: process.ppid } }),
    );
  });

  it('is taken over from a process that has ended', () => {
    // By an earlier version, which did not write more, or died before it wrote anything.
    writeFileSync(path, '');
    lockDirectory(path, 'log').release();
    writeFileSync(path, `${deadPid()}\n`);
    const lock = lockDirectory(path, 'log');
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid}\n`));
    lock.release();
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')(
    'is taken over where the process before had the pid of this one, as in a container that starts again',
    () => {
      lockDirectory(path, 'log');
      const [pid, birth] = readFileSync(path, 'utf8').split('\n');
      writeFileSync(path, `${pid}\n${birth!.slice(0, -1)}\n`);
      const lock = lockDirectory(path, 'log');
      expect(readFileSync(path, 'utf8')).toBe(`${pid}\n${birth}\n`);
      lock.release();
    },
  );
});

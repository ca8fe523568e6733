import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Scratch } from '../__fixtures__/directories.js';
import type { DirectoryLock } from './lock.js';

/** Runs before each call of the file system. */
const seam = vi.hoisted(() => ({ before: () => {} }));

vi.mock('node:fs', async (original) => {
  const real = await original<Record<string, (...args: unknown[]) => unknown>>();
  const names = ['writeFileSync', 'linkSync', 'renameSync', 'rmSync', 'readFileSync', 'readdirSync'];
  const stepped = names.map((name) => [
    name,
    (...args: unknown[]) => {
      if (!String(args[0]).startsWith('/proc/')) seam.before();
      return real[name]!(...args);
    },
  ]);
  return { ...real, ...(Object.fromEntries(stepped) as object) };
});

// As on a platform without a prebuilt kernel lock, 32-bit ARM for example.
vi.mock('node:module', async (original) => ({
  ...(await original<typeof import('node:module')>()),
  createRequire: () => () => {
    throw new Error('no binary');
  },
}));
/** The module as loaded by another living process. */
async function inProcess(pid: number): Promise<typeof lockDirectory> {
  vi.resetModules();
  const { pid: own } = process;
  Object.defineProperty(process, 'pid', { value: pid, configurable: true });
  const module = await import('./lock.js');
  Object.defineProperty(process, 'pid', { value: own, configurable: true });
  return module.lockDirectory;
}
const others = [await inProcess(process.ppid), await inProcess(1)];
vi.resetModules();
const { lockDirectory } = await import('./lock.js');
const starters = [lockDirectory, ...others];

const scratch = new Scratch();
afterAll(() => scratch.clear());

let path: string;
beforeEach(async () => {
  path = join(await scratch.directory(), 'log.lock');
});

const deadPid = () => spawnSync(process.execPath, ['-e', '']).pid;
const dead = deadPid();

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
    // Written by an earlier version, which wrote nothing more, or died before it wrote anything.
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
      expect(readFileSync(path, 'utf8').split('\n').slice(0, 2)).toEqual([pid, birth]);
      lock.release();
    },
  );

  it('of a destroyed store is removed with it, but not that of the next store', () => {
    const destroying = lockDirectory(path, 'log');
    const directory = dirname(path);
    renameSync(directory, `${directory}-destroyed`);
    mkdirSync(directory);
    const next = lockDirectory(path, 'log');
    destroying.release();
    expect(() => lockDirectory(path, 'log')).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    next.release();
    rmSync(`${directory}-destroyed`, { recursive: true });
  });

  describe('has one owner if three processes start at once', () => {
    vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out');
    const states: [string, () => void][] = [
      ['nobody has it', () => {}],
      ['its owner has died', () => writeFileSync(path, `${dead}\n`)],
      ['a starter has died', () => writeFileSync(`${path}.${randomUUID()}`, `${dead}\n`)],
    ];

    /**
     * Starts the first one. `stops` says which starter is stopped before which of its calls, to continue once
     * another, which starts there, is done.
     * @returns how many calls each has made
     */
    function run(prepare: () => void, stops: readonly { who: number; at: number; next: number }[]) {
      prepare();
      const made = [0, 0, 0];
      const held: DirectoryLock[] = [];
      const start = (who: number) => {
        const outer = seam.before;
        seam.before = () => {
          const at = made[who]!++;
          for (const stop of stops) if (stop.who === who && stop.at === at) start(stop.next);
        };
        try {
          held.push(starters[who]!(path, 'log'));
        } catch (error) {
          expect(error).toMatchObject({ code: 'LOCKED' });
        } finally {
          seam.before = outer;
        }
      };
      start(0);
      expect(held.length, `stopped: ${JSON.stringify(stops)}`).toBe(1);
      held[0]!.release();
      expect(readdirSync(dirname(path))).toEqual([]);
      return made;
    }

    it.each(states)('and one is overtaken by both, wherever it stops for each, where %s', (_, prepare) => {
      for (let at = 0, isOver = false; !isOver; at++) {
        for (let later = at; ; later++) {
          const [made] = run(prepare, [
            { who: 0, at, next: 1 },
            { who: 0, at: later, next: 2 },
          ]);
          isOver = made! <= at;
          if (made! <= later) break;
        }
      }
    });

    it.each(states)('and one is overtaken by one that is overtaken itself, where %s', (_, prepare) => {
      for (let at = 0, isOver = false; !isOver; at++) {
        for (let inner = 0; ; inner++) {
          const [made, madeInner] = run(prepare, [
            { who: 0, at, next: 1 },
            { who: 1, at: inner, next: 2 },
          ]);
          isOver = made! <= at;
          if (madeInner! <= inner) break;
        }
      }
    });
  });
});

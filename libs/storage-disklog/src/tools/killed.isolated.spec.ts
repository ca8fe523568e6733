import { appendFile, cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isGenRocksError } from '@genrocks/storage';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { logEntries, partitionOf, Scratch, snapshot, withStore } from '../__fixtures__/directories.js';
import { entryText } from '../__fixtures__/expected-log.js';
import { newSeed, Random } from '../__fixtures__/random.js';
import type { DiskLogOptions } from '../index.js';
import { stepsOf } from './file-steps.js';
import { backupLogs, exportLogs, repairLog, restoreBackup, LogSnapshot, verifyLog } from './index.js';

/** The process makes `left` more changes of files, then none: it is dead, whatever its code still tries. */
const life = vi.hoisted(() => {
  const state = { left: Infinity, made: 0 };
  const step = () => {
    if (state.left <= 0) throw Object.assign(new Error('killed'), { code: 'EKILLED' });
    state.left--;
    state.made++;
  };
  type Any = (...args: never[]) => unknown;
  /** For functions that return a promise. */
  const mortal =
    (call: Any) =>
    async (...args: never[]) => {
      step();
      return call(...args);
    };
  const CHANGES = ['rename', 'unlink', 'rm', 'rmdir', 'mkdir', 'copyFile', 'appendFile', 'writeFile', 'link'];
  const promises = (real: Record<string, Any>) => ({
    ...real,
    ...Object.fromEntries(CHANGES.map((name) => [name, mortal(real[name]!)])),
    async open(...args: never[]) {
      if (args[1] !== undefined && args[1] !== ('r' as never)) step();
      const handle = (await real.open!(...args)) as Record<string, Any>;
      for (const name of ['write', 'sync']) handle[name] = mortal(handle[name]!.bind(handle));
      return handle;
    },
  });
  /** For functions that take a callback. */
  const withCallback =
    (call: Any) =>
    (...args: never[]) => {
      try {
        step();
      } catch (error) {
        return (args.at(-1) as unknown as (error: unknown) => void)(error);
      }
      return call(...args);
    };
  return { state, promises, withCallback };
});

vi.mock('node:fs/promises', async (original) => life.promises(await original()));
vi.mock('node:fs', async (original) => {
  const real = await original<Record<string, never>>();
  const names = ['unlink', 'ftruncate', 'write', 'fdatasync', 'fsync'];
  const changed = Object.fromEntries(names.map((name) => [name, life.withCallback(real[name]!)]));
  return { ...real, ...changed, promises: life.promises(real.promises!) };
});

const scratch = new Scratch();
afterEach(() => void (life.state.left = Infinity));
afterAll(() => scratch.clear());

const wrap: DiskLogOptions = { logType: 'wrap', maxNoBytes: 400, maxNoFiles: 4 };
const segments: DiskLogOptions = { logType: 'compact', maxNoBytes: 400 };
const lines: DiskLogOptions = { logType: 'halt', format: 'external' };

/** Kills of each tool; with `GENROCKS_THOROUGH=1` it dies after every change. */
const DEATHS = process.env.GENROCKS_THOROUGH === '1' ? Infinity : 12;

/** Runs a tool that dies after more and more of its changes, and once to the end; `check` examines what is left. */
async function killedEverywhere(
  prepare: () => Promise<string>,
  tool: (directory: string) => Promise<unknown>,
  result: (directory: string) => Promise<unknown>,
): Promise<void> {
  const whole = await prepare();
  life.state.made = 0;
  await tool(whole);
  const changes = life.state.made;
  const wanted = await result(whole);
  expect(changes).toBeGreaterThan(3);
  const stride = Math.max(1, Math.ceil(changes / DEATHS));
  for (let lived = new Random(newSeed()).int(stride); lived < changes; lived += stride) {
    const directory = await prepare();
    life.state.left = lived;
    await tool(directory).catch(() => undefined);
    expect(life.state.left, `it was not killed behind ${lived} changes`).toBe(0);
    life.state.left = Infinity;
    await tool(directory);
    expect(await result(directory), `killed behind ${lived} changes of ${changes}`).toEqual(wanted);
  }
}

async function filled(options: DiskLogOptions): Promise<string> {
  const logDir = await scratch.directory();
  await withStore({ ...options, logDir }, async (store) => {
    for (let i = 0; i < 30; i++) await store.put(`k${i % 11}`, `v${i}`);
  });
  return logDir;
}

async function segment(directory: string): Promise<string> {
  const names = await readdir(directory);
  return join(directory, names.filter((name) => /^log\.c\d+$/.test(name)).sort()[1]!);
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[60]! ^= 1;
  await writeFile(path, bytes);
}

async function itemsOf(directory: string, name: string) {
  const log = await LogSnapshot.open(directory);
  const file = log.files.find((one) => one.name === name)!;
  const items = [];
  for await (const step of stepsOf(file, file.size)) if (step.type === 'item') items.push(step);
  await log.close();
  return items;
}

describe('a repair that is killed and run again', () => {
  it.each([
    ['a wrap log with a damaged older file', wrap, (at: string) => flip(join(at, 'log.2'))],
    [
      'a wrap log without log.idx, its current file damaged',
      wrap,
      async (at: string) => {
        await rm(join(at, 'log.idx'));
        await flip(join(at, 'log.4'));
      },
    ],
    ['a compact log with a damaged segment', segments, async (at: string) => flip(await segment(at))],
    ['a compact log without one of its segments', segments, async (at: string) => rm(await segment(at))],
    [
      'JSON lines with strange bytes at the end',
      lines,
      (at: string) => appendFile(join(at, 'log'), 'no line\n'),
    ],
  ] as const)('%s: the same log', async (_, options, damage) => {
    const origin = await filled(options);
    await damage(partitionOf(origin));
    await killedEverywhere(
      async () => {
        const copy = await scratch.directory();
        await cp(origin, copy, { recursive: true });
        return copy;
      },
      (logDir) => repairLog(partitionOf(logDir)),
      async (logDir) => {
        const log = await LogSnapshot.open(partitionOf(logDir));
        const { clean } = await verifyLog(log);
        await log.close();
        const entries = await withStore({ ...options, logDir }, (store) => logEntries(store));
        return { clean, entries: entries.map(entryText) };
      },
    );
  });
});

describe('a repair that is killed', () => {
  const cutLastItem = async (path: string, bytes: number) => truncate(path, (await stat(path)).size - bytes);

  it.each([
    [
      'between two items, in a wrap log with more damage',
      wrap,
      'log.1',
      async (at: string) => {
        await flip(join(at, 'log.2'));
        const { frame } = (await itemsOf(at, 'log.1')).at(-1)!;
        await truncate(join(at, 'log.1'), frame.start);
      },
    ],
    ['within its last line', lines, 'log', (at: string) => cutLastItem(join(at, 'log'), 5)],
  ] as const)(
    'still knows of a file that was cut %s, until it is written anew',
    async (_, options, name, damage) => {
      const origin = await filled(options);
      await damage(partitionOf(origin));
      for (let lived = 0; ; lived++) {
        const logDir = await scratch.directory();
        await cp(origin, logDir, { recursive: true });
        const path = join(partitionOf(logDir), name);
        const { ino } = await stat(path);
        life.state.left = lived;
        const isDone = await repairLog(partitionOf(logDir)).then(
          () => true,
          () => false,
        );
        life.state.left = Infinity;
        if (isDone) break;
        if ((await stat(path)).ino !== ino) continue;
        const log = await LogSnapshot.open(partitionOf(logDir));
        const { findings } = await verifyLog(log);
        await log.close();
        const told = findings.filter(({ severity, file }) => severity === 'damage' && file === path);
        expect(told, `killed behind ${lived} changes`).not.toEqual([]);
      }
    },
  );
});

describe('a backup and a restore that are killed and run again', () => {
  const at = (directory: string, name: string) => join(directory, name);

  /** A log, a backup of it, newer data in the log, and something else where the backup is to be restored. */
  async function prepare(): Promise<string> {
    const directory = await scratch.directory();
    await cp(await filled(wrap), at(directory, 'logs'), { recursive: true });
    await backupLogs(at(directory, 'logs'), at(directory, 'backup'));
    await withStore({ ...wrap, logDir: at(directory, 'logs') }, (store) => store.put('more', 'x'));
    await mkdir(at(directory, 'target'));
    await writeFile(at(directory, 'target/other'), 'what was there');
    return directory;
  }

  const entriesAt = async (logDir: string) =>
    (await withStore({ ...wrap, logDir }, (store) => logEntries(store))).map(entryText);

  it('a backup over an earlier one: the new one, whole', async () => {
    await killedEverywhere(
      prepare,
      (directory) => backupLogs(at(directory, 'logs'), at(directory, 'backup')),
      async (directory) => {
        const copy = await scratch.directory();
        await restoreBackup(at(directory, 'backup'), copy);
        return entriesAt(copy);
      },
    );
  });

  it('a restore: everything, and the previous content is kept', async () => {
    await killedEverywhere(
      prepare,
      (directory) => restoreBackup(at(directory, 'backup'), at(directory, 'target'), { force: true }),
      async (directory) => [
        await entriesAt(at(directory, 'target')),
        Object.keys(await snapshot(at(directory, 'target.replaced'))),
      ],
    );
  });
});

describe('an export that is killed and run again', () => {
  it('has all partitions whole, and leaves nothing else behind', async () => {
    const origin = await filled(wrap);
    await cp(partitionOf(origin), join(origin, 'u/partition_0'), { recursive: true });
    await killedEverywhere(
      async () => join(await scratch.directory(), 'new/erlang'),
      // Killed after its last step it has done everything, and is refused the second time.
      (target) =>
        exportLogs(origin, target).catch((error: unknown) => {
          if (!isGenRocksError(error, 'TARGET_NOT_EMPTY')) throw error;
        }),
      async (target) => {
        const logs = [];
        for (const topic of ['t', 'u']) {
          const files = await snapshot(join(target, topic, 'partition_0'));
          logs.push(Object.entries(files).map(([name, bytes]) => [name, bytes.toString('hex')]));
        }
        const beside = await readdir(join(target, '..'));
        return { logs, beside: beside.filter((name) => name !== 'erlang.exporting.lock') };
      },
    );
  });

  it('refuses to start while another one runs', async () => {
    const origin = await filled(wrap);
    const target = join(await scratch.directory(), 'erlang');
    const [first, second] = await Promise.allSettled([
      exportLogs(origin, target),
      exportLogs(origin, target),
    ]);
    expect([first, second].filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect([first, second].find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'LOCKED' },
    });
    await expect(exportLogs(origin, target)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' });
  });
});

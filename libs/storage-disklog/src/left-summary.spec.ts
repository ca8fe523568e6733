import { copyFileSync, cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { PartitionStore, StoreEvent } from '@genrocks/storage';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { copyOpenLog, partitionOf, Scratch } from './__fixtures__/directories.js';
import { contentsOf } from './__fixtures__/expected-log.js';
import { newSeed, Random } from './__fixtures__/random.js';
import { fastFileSystem, unseeingFileSystem } from './__fixtures__/recording-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { type FileSystem, nodeFileSystem } from './io/file-system.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const RECORD_BYTES = 128;
/** Time for what happens after an open, even on a busy machine. */
const WAIT = { timeout: 20_000 };

interface Opened {
  readonly store: PartitionStore;
  readonly events: readonly StoreEvent[];
  /** Log files and key indexes that were opened before the store was open. */
  readonly touched: readonly string[];
}

async function opened<T>(
  options: DiskLogOptions,
  use: (log: Opened) => Promise<T> | T,
  base: FileSystem = nodeFileSystem,
): Promise<T> {
  const events: StoreEvent[] = [];
  const touched = new Set<string>();
  let isOpen = false;
  const note = (path: string) => {
    if (!isOpen && /^log\.\d/.test(basename(path))) touched.add(basename(path));
  };
  const fs: FileSystem = {
    ...base,
    async open(path, how) {
      note(path);
      return base.open(path, how);
    },
    openSync(path) {
      note(path);
      return base.openSync(path);
    },
  };
  const adapter = new DiskLogStorageAdapter(options, fs);
  try {
    const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
    isOpen = true;
    return await use({ store, events, touched: [...touched].sort() });
  } finally {
    await adapter.close();
  }
}

async function fill(store: PartitionStore, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) await store.put(`k${i % 37}`, `${i}`.padEnd(100, '.'));
}

/** A wrap log of about twenty files, with a complete summary. */
async function filled(options: DiskLogOptions = {}, fs?: FileSystem) {
  const all = { logDir: await scratch.directory(), maxNoBytes: 700, maxNoFiles: 60, ...options };
  await opened(all, ({ store }) => fill(store, 0, 80), fs);
  const directory = partitionOf(all.logDir);
  const files = (await readdir(directory)).filter((name) => /^log\.\d+$/.test(name)).length;
  return { options: all, directory, path: (name: string) => join(directory, name), current: `log.${files}` };
}

const damageIn = (events: readonly StoreEvent[]) => events.filter(({ type }) => type === 'damaged');

describe.each(['internal', 'external'] as const)('the summary of closed files, format %s', (format) => {
  it('spares the open from inspecting each of them', async () => {
    const { options, current } = await filled({ format });
    await opened(options, async ({ store, touched, events }) => {
      const first = touched.filter((name) => name !== current);
      // The first file listed by the directory is read for the format of the log.
      expect(first.length).toBeLessThanOrEqual(1);
      const { live, log } = await contentsOf(store);
      expect([live.length, log.length]).toEqual([37, 80]);
      expect(damageIn(events)).toEqual([]);
    });
  });

  it('is written by the first open of a log without one, and renewed after files were copied', async () => {
    const { options, path, current } = await filled({ format });
    await rm(path('log.left'));
    const looks = async () =>
      opened(options, async ({ store, touched }) => {
        expect((await contentsOf(store)).log).toHaveLength(80);
        return touched.filter((name) => name !== current).length;
      });
    expect(await looks()).toBeGreaterThan(20);
    expect(await looks()).toBeLessThanOrEqual(1);
    const copy = await scratch.directory();
    cpSync(options.logDir, copy, { recursive: true });
    options.logDir = copy;
    expect(await looks()).toBeGreaterThan(20);
    expect(await looks()).toBeLessThanOrEqual(1);
  });

  it.each([
    ['a changed byte', (path: string) => flip(path, 60)],
    ['a cut', (path: string) => truncate(path, 300)],
    ['a changed byte, its time put back', flipKeepingTime],
  ])('does not hide %s in a left file from the opening', async (_, change) => {
    const { options, path } = await filled({ format });
    await change(path('log.3'));
    await opened(options, ({ events }) => {
      expect(damageIn(events)[0]).toMatchObject({ file: path('log.3') });
    });
  });

  it('does not count if the file system keeps times in whole seconds', async () => {
    const fs: FileSystem = {
      ...nodeFileSystem,
      stampSync(path) {
        const { changed, modified, ...stamp } = nodeFileSystem.stampSync(path);
        return { ...stamp, changed: changed - (changed % 1000), modified: modified - (modified % 1000) };
      },
    };
    const { options } = await filled({ format }, fs);
    for (let i = 0; i < 2; i++)
      await opened(options, ({ touched }) => expect(touched.length).toBeGreaterThan(20), fs);
  });

  it('does not hide files that are missing or have swapped names', async () => {
    const { options, path } = await filled({ format });
    renameSync(path('log.3'), path('other'));
    await opened(options, ({ events }) => expect(damageIn(events)).toHaveLength(1));
    renameSync(path('log.4'), path('log.3'));
    renameSync(path('other'), path('log.4'));
    await opened(options, ({ events }) => expect(damageIn(events)).not.toEqual([]));
  });

  it('does not vouch for a key index: a missing one is rebuilt at once, a different one when it is read', async () => {
    const { options, path } = await filled({ format });
    const wanted = await opened(options, ({ store }) => contentsOf(store));
    await rm(path('log.2.keys'));
    // An index of the same layout but with other keys, sound in all its parts.
    copyFileSync(path('log.9.keys'), path('log.5.keys'));
    await opened(options, async ({ store, events }) => {
      const built = events.filter(({ type }) => type === 'indexed');
      expect(built).toMatchObject([{ file: path('log.2') }]);
      expect(await contentsOf(store)).toEqual(wanted);
      expect(damageIn(events)).toEqual([]);
    });
  });

  it('is only a cache: if it cannot be written for lack of space or permission, the log works as before', async () => {
    const { options, path, current } = await filled({ format });
    await rm(path('log.left'));
    await mkdir(path('log.left'));
    await opened(options, async ({ store, touched }) => {
      expect(touched.length).toBeGreaterThan(20);
      await fill(store, 80, 40);
      expect((await contentsOf(store)).log).toHaveLength(120);
      expect(touched).toContain(current);
    });
  });

  it('does not prevent rot that the file system does not reveal from being found after the open', async () => {
    const { options, path } = await filled({ format }, unseeingFileSystem);
    await flip(path('log.4'), 60);
    const find = ({ events }: Opened) =>
      vi.waitFor(async () => {
        expect(damageIn(events)).toMatchObject([{ file: path('log.4') }]);
        expect(await readdir(partitionOf(options.logDir))).toContain('log.4.corrupt');
      }, WAIT);
    await opened(options, find, unseeingFileSystem);
    // From then on, the open itself finds it.
    await opened(
      options,
      ({ events }) => expect(damageIn(events)).toMatchObject([{ file: path('log.4') }]),
      unseeingFileSystem,
    );
  });

  it('does not change the contents, however old or damaged it or the indexes are', async () => {
    const seed = newSeed();
    const random = new Random(seed);
    const options: DiskLogOptions & { logDir: string } = {
      logDir: await scratch.directory(),
      format,
      maxNoBytes: 700,
      maxNoFiles: 5,
    };
    const moments: string[] = [];
    await opened(
      options,
      async ({ store }) => {
        for (let i = 0; i < 12; i++) {
          await fill(store, i * 20, 1 + random.int(20));
          const copy = await scratch.directory();
          copyOpenLog(options.logDir, copy);
          moments.push(copy);
        }
      },
      fastFileSystem,
    );
    for (const [at, moment] of moments.entries()) {
      const without = await stateOf(options, moment, (path) => rmSync(path('log.left'), { force: true }));
      for (let i = 0; i < 4; i++) {
        const before = partitionOf(moments[random.int(at + 1)]!);
        const found = await stateOf(options, moment, (path) => makeOld(path, before, random));
        expect(found, `GENROCKS_SEED=${seed}, moment ${at}`).toEqual(without);
      }
    }
  });

  /** Opens a log that was changed in some way, and returns its contents. */
  async function stateOf(
    options: DiskLogOptions,
    logDir: string,
    change: (path: (name: string) => string) => void,
  ) {
    const copy = await scratch.directory();
    copyOpenLog(logDir, copy);
    change((name) => join(partitionOf(copy), name));
    const state = await opened(
      { ...options, logDir: copy },
      async ({ store, events }) => {
        const { items, bytes, details } = await store.info();
        return { items, bytes, files: details.files, ...(await contentsOf(store)), damage: damageIn(events) };
      },
      fastFileSystem,
    );
    await rm(copy, { recursive: true });
    return state;
  }
});

/** Puts back the summary and indexes of an earlier moment, as a power cut may do, or damages them. */
function makeOld(path: (name: string) => string, before: string, random: Random): void {
  for (let number = 1; number <= 5; number++) {
    if (!random.chance(0.4)) continue;
    rmSync(path(`log.${number}.keys`), { force: true });
    try {
      copyFileSync(join(before, `log.${number}.keys`), path(`log.${number}.keys`));
    } catch {
      // It did not exist yet.
    }
  }
  const summary = readIfThere(path('log.left'));
  const old = readIfThere(join(before, 'log.left'));
  const choice = random.int(4);
  if (choice === 0) writeFileSync(path('log.left'), old);
  else if (choice === 1) writeFileSync(path('log.left'), summary.subarray(0, random.int(summary.length + 1)));
  else if (choice === 2) {
    if (summary.length > 0) summary[random.int(summary.length)]! ^= 1 << random.int(8);
    writeFileSync(path('log.left'), summary);
  } else {
    // Records in the wrong places, and old records beside new ones.
    for (let at = 0; at + RECORD_BYTES <= summary.length; at += RECORD_BYTES) {
      const from = random.chance(0.5) ? at : RECORD_BYTES * random.int(summary.length / RECORD_BYTES);
      const source = random.chance(0.5) ? old : summary;
      if (random.chance(0.5)) summary.set(source.subarray(from, from + RECORD_BYTES), at);
    }
    writeFileSync(path('log.left'), summary);
  }
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at]! ^= 1;
  await writeFile(path, bytes);
}

async function flipKeepingTime(path: string): Promise<void> {
  const { modified } = nodeFileSystem.stampSync(path);
  await flip(path, 60);
  await utimes(path, modified / 1000, modified / 1000);
}

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartitionStore } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { crashState, writeState } from './__fixtures__/crash-states.js';
import { range, recordSteps, type Steps } from './__fixtures__/crash-steps.js';
import { copyOpenLog, partitionOf, Scratch, withStore } from './__fixtures__/directories.js';
import { contentsOf } from './__fixtures__/expected-log.js';
import { Random } from './__fixtures__/random.js';
import { type Change, RecordingFileSystem } from './__fixtures__/recording-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { type FileSystem, nodeFileSystem } from './io/file-system.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

/** Records the changes that an operation makes, after `prepare`. */
const stepsOf = (options: DiskLogOptions, prepare: Use, operation: Use): Promise<Steps> =>
  recordSteps(scratch, options, prepare, operation);
type Use = (store: PartitionStore) => Promise<unknown>;

const renames = (to: string) => (change: Change) => change.type === 'rename' && change.to === to;
const renamesFrom = (from: string) => (change: Change) => change.type === 'rename' && change.from === from;
const removes = (path: string) => (change: Change) => change.type === 'unlink' && change.path === path;
const closesHead = (change: Change) =>
  change.type === 'write' && change.at === 0 && change.bytes.subarray(4, 8).toString('hex') === '63584d0b';

const puts =
  (count: number, from = 0) =>
  async (store: PartitionStore) => {
    for (let i = from; i < from + count; i++) await store.put(`k${i}`, `v${i}`);
  };
const texts = (count: number, from = 0) => range(from, from + count).map((i) => `k${i}=v${i}`);

// Four entries of about 60 bytes fill a file.
const wrap: DiskLogOptions = { logType: 'wrap', maxNoBytes: 260, maxNoFiles: 2 };
const wrappedLines: DiskLogOptions = { ...wrap, maxNoBytes: 480, format: 'external' };
const halt: DiskLogOptions = { logType: 'halt' };
const segments: DiskLogOptions = { logType: 'compact', maxNoBytes: 260 };

it('a write that was stored but not acknowledged is there', async () => {
  const logDir = await scratch.directory();
  let written!: () => void;
  const isWritten = new Promise<void>((done) => (written = done));
  // The process dies while the system call returns.
  const dying: FileSystem = {
    ...nodeFileSystem,
    async open(path, options) {
      const handle = await nodeFileSystem.open(path, options);
      const write = handle.write.bind(handle);
      handle.write = async (source, offset, length, position) => {
        const taken = await write(source, offset, length, position);
        if (!source.includes('last')) return taken;
        written();
        return new Promise(() => {});
      };
      return handle;
    },
  };
  const adapter = new DiskLogStorageAdapter({ ...halt, logDir }, dying);
  const store = await adapter.open('t', 0);
  await store.put('a', '1');
  void store.put('b', 'last');
  await isWritten;
  const copy = await scratch.directory();
  copyOpenLog(logDir, copy);
  const { log } = await withStore({ ...halt, logDir: copy }, contentsOf);
  expect(log).toEqual(['a=1', 'b=last']);
});

describe('the rotation of a wrap log', () => {
  it('takes effect when the new file gets its name; before that, the log is as before', async () => {
    const steps = await stepsOf(wrap, puts(8), puts(1, 8));
    const named = steps.behind(renamesFrom('log.new'));
    const old = { log: texts(8), currentFile: 2 };
    const young = { log: texts(4, 4), currentFile: 1 };
    for (const moment of steps.before(named)) expect(await steps.found(moment)).toMatchObject(old);
    const written = steps.behind((change) => change.type === 'write' && change.bytes.includes('v8'));
    for (const moment of steps.from(named, written)) expect(await steps.found(moment)).toMatchObject(young);
    const synced = steps.syncedBehind(named);
    for (const moment of steps.before(synced))
      expect(await steps.found(moment, 'all dropped')).toMatchObject(old);
    for (const moment of steps.from(synced, written))
      expect(await steps.found(moment, 'all dropped')).toMatchObject(young);
  });

  it('leaves a file whose index is rebuilt unless the index was already in place', async () => {
    const steps = await stepsOf(wrap, puts(4), puts(1, 4));
    const left = steps.behind(renames('log.2'));
    const indexed = steps.behind(renames('log.1.keys'));
    for (const moment of steps.from(left, indexed))
      expect((await steps.found(moment)).indexed, `${moment}`).toEqual(['log.1']);
    for (const moment of steps.from(indexed)) expect((await steps.found(moment)).indexed).toEqual([]);
  });

  it('of JSON lines first removes the index of the overwritten file, which is then rebuilt', async () => {
    const steps = await stepsOf(wrappedLines, puts(8), puts(1, 8));
    const { currentFile, log } = await steps.found(steps.behind(removes('log.1.keys')) - 1);
    expect([currentFile, log]).toEqual([2, texts(8)]);
    const removed = steps.behind(removes('log.1.keys'));
    for (const moment of steps.from(removed, steps.behind(renamesFrom('log.new'))))
      expect(await steps.found(moment)).toMatchObject({ log: texts(8), currentFile: 2, indexed: ['log.1'] });
  });
});

describe('a truncation', () => {
  it.each([
    ['wrap', wrap],
    ['halt', halt],
    ['compact, in segments', segments],
    ['JSON lines', wrappedLines],
  ])('is finished by the next open once its marker is there (%s)', async (_, options) => {
    const steps = await stepsOf(options, puts(6), (store) => store.truncate());
    const marked = steps.behind((change) => change.type === 'create' && change.path === 'log.truncating');
    for (const moment of steps.before(marked))
      expect((await steps.found(moment)).log.toSorted()).toEqual(texts(6));
    for (const moment of steps.from(marked)) expect((await steps.found(moment)).log).toEqual([]);
    const synced = steps.syncedBehind(marked);
    expect((await steps.found(synced - 1, 'all dropped')).log).toEqual(texts(6));
    for (const moment of steps.from(synced))
      expect((await steps.found(moment, 'all dropped')).log).toEqual([]);
  });

  it('that was killed leaves no index that could pass for the index of a later file', async () => {
    const logDir = await scratch.directory();
    const fs = new RecordingFileSystem(partitionOf(logDir));
    const options: DiskLogOptions = { ...wrap, maxNoFiles: 4 };
    const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fs);
    const store = await adapter.open('t', 0);
    // The second file is closed and has an index, and the next entries will make it just as long.
    await puts(10)(store);
    await store.truncate();
    await adapter.close();
    const names = ['log.2', 'log.2.keys'];
    const removed = fs.changes.flatMap((c, i) =>
      c.type === 'unlink' && names.includes(c.path) ? [i + 1] : [],
    );
    for (const moment of removed) {
      const killed = await scratch.directory();
      await writeState(crashState(fs.changes, moment, 'all kept', new Random(1)), partitionOf(killed));
      const withoutIndexes: FileSystem = {
        ...nodeFileSystem,
        rename: (from, to) =>
          to.endsWith('.keys') ? Promise.reject(new Error('no index')) : nodeFileSystem.rename(from, to),
      };
      const again = new DiskLogStorageAdapter({ ...options, logDir: killed }, withoutIndexes);
      const other = await again.open('t', 0);
      for (let i = 9; i >= 0; i--) await other.put(`k${i}`, `w${i}`);
      const copy = await scratch.directory();
      copyOpenLog(killed, copy);
      await again.close();
      const { live } = await withStore({ ...options, logDir: copy }, contentsOf);
      expect(live).toEqual(range(0, 10).map((i) => [`k${i}`, `w${i}`]));
    }
  });
});

describe('the segments of a compact log', () => {
  it('rotate when the list says so', async () => {
    const steps = await stepsOf(segments, puts(8), puts(1, 8));
    const { currentFile, files } = await steps.found(steps.first);
    const listed = steps.behind(renames('log.segments'));
    const old = { log: texts(8), currentFile, files };
    const young = { log: texts(8), currentFile: currentFile + 1, files: files + 1 };
    for (const moment of steps.before(listed)) expect(await steps.found(moment)).toMatchObject(old);
    const written = steps.behind((change) => change.type === 'write' && change.bytes.includes('v8'));
    for (const moment of steps.from(listed, written)) expect(await steps.found(moment)).toMatchObject(young);
  });

  it('are replaced by merged ones when the list says so', async () => {
    const prepare = async (store: PartitionStore) => {
      await puts(5)(store);
      for (let i = 0; i < 4; i++) await store.put('k0', `new ${i}`);
      await store.delete('k1');
    };
    const steps = await stepsOf(segments, prepare, (store) => store.optimize());
    const stretches = steps.between(renames('log.segments'));
    // First, the current segment is closed.
    expect(stretches.length).toBeGreaterThan(2);
    const seen: string[] = [];
    for (const moments of stretches) {
      const found = await Promise.all(moments.map((moment) => steps.found(moment)));
      const texts = new Set(found.map(({ log, files }) => JSON.stringify([files, ...log])));
      expect(texts.size).toBe(1);
      seen.push(...texts);
    }
    expect(new Set(seen).size).toBe(seen.length);
    const { log } = await steps.found(stretches.at(-1)![0]!);
    expect(log).toEqual(['k2=v2', 'k3=v3', 'k4=v4', 'k0=new 3']);
  });
});

it.each([
  ['a halt log', halt],
  ['JSON lines', { ...halt, format: 'external' }],
] as const)('a compaction of %s takes effect when the copy gets its name', async (_, options) => {
  const prepare = async (store: PartitionStore) => {
    await puts(3)(store);
    await puts(2)(store);
  };
  const steps = await stepsOf(options, prepare, (store) => store.optimize());
  const renamed = steps.behind(renamesFrom('log.compacted'));
  for (const moment of steps.before(renamed))
    expect((await steps.found(moment)).log).toEqual([...texts(3), ...texts(2)]);
  for (const moment of steps.from(renamed))
    expect((await steps.found(moment)).log).toEqual(['k2=v2', ...texts(2)]);
});

it.each([
  ['wrap', wrap],
  ['halt', halt],
  ['compact', segments],
  ['JSON lines', wrappedLines],
])('a log that was being created opens empty and complete (%s)', async (_, options) => {
  const steps = await stepsOf(
    options,
    async () => undefined,
    async () => undefined,
  );
  for (const moment of steps.from(0)) {
    for (const policy of ['all kept', 'last kept'] as const)
      expect((await steps.found(moment, policy)).log).toEqual([]);
  }
});

it.each([
  ['its head says so', { ...wrap, maxNoBytes: 10_000 }, closesHead],
  ['log.end says so', { ...halt, format: 'external' }, renames('log.end')],
] as const)('a log is closed when %s', async (_, options, isStep) => {
  const steps = await stepsOf(options, puts(3), async () => undefined);
  const closed = steps.behind(isStep);
  const refusing: DiskLogOptions = { ...options, repair: false };
  for (const moment of steps.before(closed)) {
    await expect(steps.found(moment, 'all kept', refusing)).rejects.toMatchObject({ code: 'NEED_REPAIR' });
    expect(await steps.found(moment)).toMatchObject({ log: texts(3), repaired: true });
  }
  for (const moment of steps.from(closed))
    expect(await steps.found(moment, 'all kept', refusing)).toMatchObject({ log: texts(3), repaired: false });
});

describe('destroying a store', () => {
  const CALLS = ['rename', 'syncDirectory', 'removeTree', 'removeDirectory'] as const;

  /** Destroys a store and dies after so many calls; returns where the files are, and whether it died. */
  async function destroyed(lived: number) {
    const logDir = await scratch.directory();
    await withStore({ logDir }, puts(3), 'a/b');
    let left = lived;
    const dying: FileSystem = { ...nodeFileSystem };
    for (const name of CALLS) {
      const call = nodeFileSystem[name].bind(nodeFileSystem) as (...args: string[]) => Promise<never>;
      dying[name] = async (...args: [string, ...string[]]) => {
        if (left-- > 0) return call(...args);
        // A tree is removed file by file.
        if (name === 'removeTree') await nodeFileSystem.unlink(join(args[0], 'log.1'));
        throw new Error('killed');
      };
    }
    const adapter = new DiskLogStorageAdapter({ logDir }, dying);
    await adapter.destroy('a/b', 0).catch(() => undefined);
    return { logDir, hasDied: left < 0 };
  }

  it('takes effect when its directory is renamed, and the next open removes the rest', async () => {
    let lived = 0;
    for (let hasDied = true; hasDied; lived++) {
      const { logDir, hasDied: died } = await destroyed(lived);
      hasDied = died;
      const adapter = new DiskLogStorageAdapter({ logDir });
      expect(await adapter.list()).toEqual(lived === 0 ? [{ topic: 'a/b', partition: 0 }] : []);
      const { log } = await contentsOf(await adapter.open('a/b', 0));
      expect(log).toEqual(lived === 0 ? texts(3) : []);
      expect(await readdir(logDir)).toEqual(['a']);
      await adapter.close();
    }
    expect(lived).toBeGreaterThan(3);
  });
});

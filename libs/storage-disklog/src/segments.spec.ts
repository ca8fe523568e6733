import { cp, mkdir, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isGenRocksError, type PartitionStore, type StoreEvent } from '@genrocks/storage';
import { Logger } from '@nestjs/common';
import { afterAll, describe, expect, it } from 'vitest';
import {
  copyOpenLog,
  logEntries,
  partitionOf,
  scanText,
  Scratch,
  snapshot,
  withStore,
} from './__fixtures__/directories.js';
import { contentsOf, entryText } from './__fixtures__/expected-log.js';
import { fastFileSystem } from './__fixtures__/recording-file-system.js';
import { readSegmentList } from './engine/segment-list.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { backupLogs, exportLog, LogSnapshot, repairLog, verifyLog } from './tools/index.js';

Logger.overrideLogger(false);

const scratch = new Scratch();
afterAll(() => scratch.clear());

const small: DiskLogOptions = { logType: 'compact', maxNoBytes: 4000, sync: 'os' };

interface Opened {
  readonly adapter: DiskLogStorageAdapter;
  readonly store: PartitionStore;
  readonly events: StoreEvent[];
}

async function open(options: DiskLogOptions): Promise<Opened> {
  const events: StoreEvent[] = [];
  const adapter = new DiskLogStorageAdapter(options, fastFileSystem);
  const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
  return { adapter, store, events };
}

async function filesOf(store: PartitionStore): Promise<number> {
  return (await store.info()).details.files as number;
}

/** Keys of which every tenth is overwritten and every seventh deleted, in many segments. */
async function fill(store: PartitionStore, keys = 400): Promise<Map<string, string>> {
  const expected = new Map<string, string>();
  const name = (i: number) => `k${String((i * 7919) % keys).padStart(5, '0')}`;
  for (let i = 0; i < keys; i++) {
    await store.put(name(i), `first ${i} ${'.'.repeat(40)}`);
    expected.set(name(i), `first ${i} ${'.'.repeat(40)}`);
  }
  for (let i = 0; i < keys; i += 10) {
    await store.put(name(i), `second ${i}`);
    expected.set(name(i), `second ${i}`);
  }
  for (let i = 0; i < keys; i += 7) {
    await store.delete(name(i));
    expected.delete(name(i));
  }
  return expected;
}

const sorted = (map: Map<string, string>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

async function filled(
  options: DiskLogOptions = small,
): Promise<{ logDir: string; expected: [string, string][] }> {
  const logDir = await scratch.directory();
  const { adapter, store } = await open({ ...options, logDir });
  const expected = sorted(await fill(store));
  expect(await filesOf(store)).toBeGreaterThan(3);
  await adapter.close();
  return { logDir, expected };
}

async function expectLive(options: DiskLogOptions, expected: [string, string][]): Promise<void> {
  const { adapter, store } = await open(options);
  expect((await contentsOf(store)).live).toEqual(expected);
  await adapter.close();
}

describe.each([
  ['internal', small],
  ['external', { ...small, maxNoBytes: 8000, format: 'external' }],
] as const)('a compact log in segments, format %s', (_, options) => {
  it('keeps every key, over segments and reopenings, and after optimize nothing else, in the order of the writes', async () => {
    const { logDir, expected } = await filled(options);
    await expectLive({ ...options, logDir }, expected);
    const { adapter, store, events } = await open({ ...options, logDir });
    await store.optimize();
    const { live, log } = await contentsOf(store);
    expect(live).toEqual(expected);
    expect([...log].sort()).toEqual(expected.map(([key, value]) => `${key}=${value}`));
    const order = (await logEntries(store)).map(({ timestamp }) => timestamp);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(await filesOf(store)).toBeGreaterThan(2);
    expect(events.filter(({ type }) => type === 'compacted').length).toBeGreaterThan(0);
    const before = await readdir(partitionOf(logDir));
    await store.optimize();
    expect(await readdir(partitionOf(logDir))).toEqual(before);
    await adapter.close();
    await expectLive({ ...options, logDir }, expected);
  });

  it('stays small by itself where the same keys are written again and again', async () => {
    const logDir = await scratch.directory();
    const { adapter, store } = await open({ ...options, logDir });
    let most = 0;
    let written = 0;
    for (let round = 0; round < 150; round++) {
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => store.put(`k${i}`, `${round}${'.'.repeat(100)}`)),
      );
      written += 10 * 100;
      most = Math.max(most, (await store.info()).bytes);
    }
    expect(most).toBeLessThan(written / 2);
    expect(Object.keys(await scanText(store))).toHaveLength(10);
    await adapter.close();
    await expectLive(
      { ...options, logDir },
      Array.from({ length: 10 }, (_, i) => [`k${i}`, `149${'.'.repeat(100)}`]),
    );
  });

  it('forgets deleted keys and their tombstones, and none of them comes back', async () => {
    const { logDir, expected } = await filled(options);
    const { adapter, store } = await open({ ...options, logDir });
    for (const [key] of expected) await store.delete(key);
    await store.optimize();
    expect((await contentsOf(store)).live).toEqual([]);
    expect(await logEntries(store)).toEqual([]);
    await store.put('new', 'x');
    await store.optimize();
    await adapter.close();
    await expectLive({ ...options, logDir }, [['new', 'x']]);
  });

  it('is verified, backed up while it is written, exported and repaired', async () => {
    const { logDir, expected } = await filled(options);
    const directory = partitionOf(logDir);
    const base = await scratch.directory();
    await withStore({ ...options, logDir }, async (store) => {
      const optimizing = store.optimize();
      await backupLogs(directory, partitionOf(base));
      await optimizing;
      await store.put('later', 'x');
    });
    for (const path of [directory, partitionOf(base)]) {
      const log = await LogSnapshot.open(path);
      const report = await verifyLog(log);
      await log.close();
      expect(report).toMatchObject({ clean: true, type: 'single' });
      // Of a segment that was just left the index may not have been ready.
      expect(report.findings.filter(({ reason }) => !reason.startsWith('missing; the next open'))).toEqual(
        [],
      );
    }
    await expectLive({ ...options, logDir: base, repair: false }, expected);
    const target = await scratch.directory();
    const log = await LogSnapshot.open(partitionOf(base));
    await exportLog(log, partitionOf(target));
    await log.close();
    await expectLive({ logDir: target, logType: 'halt', maxNoBytes: '1MB' }, expected);
    // One entry of a segment is damaged, and is all that is lost, if it was not outdated.
    const first = (await readdir(partitionOf(base))).filter((name) => /^log\.c\d+$/.test(name))[0]!;
    const bytes = await readFile(join(partitionOf(base), first));
    const at = bytes.indexOf('first');
    bytes[at]! ^= 1;
    await writeFile(join(partitionOf(base), first), bytes);
    expect((await repairLog(partitionOf(base))).after.clean).toBe(true);
    const { adapter, store } = await open({ ...options, logDir: base });
    const { live } = await contentsOf(store);
    expect(live.length).toBeGreaterThanOrEqual(expected.length - 1);
    expect(expected).toEqual(expect.arrayContaining(live));
    await adapter.close();
  });
});

describe('a compact log in segments', () => {
  it('takes over a log of one large file', async () => {
    const logDir = await scratch.directory();
    let expected: [string, string][] = [];
    await withStore({ logDir, logType: 'halt', maxNoBytes: '1MB' }, async (store) => {
      expected = sorted(await fill(store));
    });
    expect(await readdir(partitionOf(logDir))).toContain('log');
    await expectLive({ ...small, logDir }, expected);
    const { adapter, store } = await open({ ...small, logDir });
    await store.put('k00001', 'new');
    await store.optimize();
    expected = sorted(new Map([...expected, ['k00001', 'new']]));
    expect((await contentsOf(store)).live).toEqual(expected);
    expect(await readdir(partitionOf(logDir))).not.toContain('log');
    expect(await adapter.list()).toEqual([{ topic: 't', partition: 0 }]);
    await adapter.close();
    await expectLive({ ...small, logDir }, expected);
    for (const logType of ['halt', 'wrap'] as const) {
      await expect(open({ ...small, logDir, logType })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    }
    await expectLive({ ...small, logDir }, expected);
  });

  it('does not let compaction disturb a scan that began before', async () => {
    const { logDir, expected } = await filled();
    const { adapter, store } = await open({ ...small, logDir });
    const found: [string, string][] = [];
    for await (const { key, value } of store.scan()) {
      if (found.length === 10) {
        await store.optimize();
        for (const [name] of expected) await store.delete(name);
        await store.optimize();
      }
      found.push([key.toString(), value.toString()]);
    }
    expect(found).toEqual(expected);
    await adapter.close();
  });

  it('goes on through truncations and closings in the middle of a compaction', async () => {
    for (const action of ['truncate', 'close', 'kill'] as const) {
      const { logDir, expected } = await filled();
      const { adapter, store } = await open({ ...small, logDir });
      const compaction = store.optimize().catch((error: unknown) => error);
      let directory = logDir;
      for (let i = 0; i < 40; i++) await new Promise(setImmediate);
      if (action === 'truncate') {
        await store.truncate();
        await store.put('after', 'x');
        await compaction;
      } else if (action === 'kill') {
        directory = await scratch.directory();
        copyOpenLog(logDir, directory);
      }
      await adapter.close();
      await expectLive({ ...small, logDir: directory }, action === 'truncate' ? [['after', 'x']] : expected);
    }
  });

  it('finds its segments without their list, or with a damaged one', async () => {
    const { logDir, expected } = await filled();
    const { adapter, store } = await open({ ...small, logDir });
    await store.optimize();
    await store.put('later', 'x');
    await adapter.close();
    const live = sorted(new Map([...expected, ['later', 'x']]));
    const directory = partitionOf(logDir);
    const list = await readFile(join(directory, 'log.segments'));
    const changes: (Buffer | undefined)[] = [undefined];
    for (let at = 0; at < list.length; at += 19) {
      const changed = Buffer.from(list);
      changed[at]! ^= 1 << (at & 7);
      changes.push(changed, list.subarray(0, at));
    }
    const copy = await scratch.directory();
    for (const changed of changes) {
      await rm(copy, { recursive: true });
      await cp(logDir, copy, { recursive: true });
      const path = join(partitionOf(copy), 'log.segments');
      if (changed === undefined) await unlink(path);
      else await writeFile(path, changed);
      const opened = await open({ ...small, logDir: copy });
      expect((await contentsOf(opened.store)).live).toEqual(live);
      expect(opened.events.some(({ type }) => type === 'damaged')).toBe(true);
      await opened.adapter.close();
      expect((await readFile(path)).equals(list) || readSegmentList(await readFile(path))).toBeTruthy();
    }
  });

  it('removes what no list names, and nothing else', async () => {
    const { logDir, expected } = await filled();
    const directory = partitionOf(logDir);
    const names = await readdir(directory);
    const segment = names.find((name) => /^log\.c\d+$/.test(name))!;
    await cp(join(directory, segment), join(directory, 'log.c9999'));
    await writeFile(join(directory, 'log.c9999.keys'), 'x');
    await writeFile(join(directory, 'log.c1.mine'), 'x');
    await mkdir(join(directory, 'log.c8888'));
    await expectLive({ ...small, logDir }, expected);
    expect((await readdir(directory)).filter((name) => name !== 'log.end').sort()).toEqual(
      [...names, 'log.c1.mine', 'log.c8888'].filter((name) => name !== 'log.end').sort(),
    );
  });

  it('refuses to open without one of its segments, until it is repaired', async () => {
    const { logDir } = await filled();
    const directory = partitionOf(logDir);
    const left = Object.keys(await snapshot(directory)).find((name) => /^log\.c\d+$/.test(name))!;
    await unlink(join(directory, left));
    const isCorrupt = (error: unknown) => isGenRocksError(error, 'LOG_CORRUPT');
    await expect(open({ ...small, logDir })).rejects.toSatisfy(isCorrupt);
    const log = await LogSnapshot.open(directory);
    expect(await verifyLog(log)).toMatchObject({
      clean: false,
      findings: [{ file: join(directory, left), reason: 'the file is missing' }],
    });
    await log.close();
    await repairLog(directory);
    const { adapter, store } = await open({ ...small, logDir });
    expect((await contentsOf(store)).live.length).toBeGreaterThan(0);
    await adapter.close();
  });

  it('does not compact what it cannot read', async () => {
    const { logDir } = await filled();
    const directory = partitionOf(logDir);
    const names = (await readdir(directory)).filter((name) => /^log(\.c\d+)?$/.test(name));
    let victim = '';
    for (const name of names) {
      const bytes = await readFile(join(directory, name));
      const at = bytes.indexOf('first 3 ');
      if (at < 0) continue;
      bytes[at]! ^= 1;
      victim = name;
      await writeFile(join(directory, name), bytes);
    }
    expect(victim).not.toBe('');
    const { adapter, store, events } = await open({ ...small, logDir });
    await expect(store.optimize()).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
    expect(events.filter(({ type }) => type === 'damaged')).toHaveLength(1);
    expect(await readdir(directory)).toContain(victim);
    const texts: string[] = [];
    for await (const entry of store.readLogEntries({ skipDamaged: true })) texts.push(entryText(entry));
    expect(texts.length).toBeGreaterThan(100);
    await adapter.close();
  });
});

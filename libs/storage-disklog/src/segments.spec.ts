import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  copyOpenLog,
  logEntries,
  partitionOf,
  scanText,
  Scratch,
  withStore,
} from './__fixtures__/directories.js';
import { contentsOf } from './__fixtures__/expected-log.js';
import { liveIn, fill, filled, filesOf, open, small, sorted } from './__fixtures__/segmented-log.js';
import { fastFileSystem } from './__fixtures__/recording-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import type { FileSystem } from './io/file-system.js';
import { backupLogs, exportLog, LogSnapshot, repairLog, verifyLog } from './tools/index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

describe.each([
  ['internal', small],
  ['external', { ...small, maxNoBytes: 8000, format: 'external' }],
] as const)('a compact log in segments, format %s', (_, options) => {
  it('keeps every key over segments and reopenings, and after optimize nothing else, in the order of the writes', async () => {
    const { logDir, expected } = await filled(scratch, options);
    expect(await liveIn({ ...options, logDir })).toEqual(expected);
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
    expect(await liveIn({ ...options, logDir })).toEqual(expected);
  });

  it('stays small by itself if the same keys are written again and again', async () => {
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
    const newest = Array.from({ length: 10 }, (_, i) => [`k${i}`, `149${'.'.repeat(100)}`]);
    expect(await liveIn({ ...options, logDir })).toEqual(newest);
  });

  it('drops deleted keys and their tombstones, and none of them comes back', async () => {
    const { logDir, expected } = await filled(scratch, options);
    const { adapter, store } = await open({ ...options, logDir });
    for (const [key] of expected) await store.delete(key);
    await store.optimize();
    expect((await contentsOf(store)).live).toEqual([]);
    expect(await logEntries(store)).toEqual([]);
    await store.put('new', 'x');
    await store.optimize();
    await adapter.close();
    expect(await liveIn({ ...options, logDir })).toEqual([['new', 'x']]);
  });

  it('is verified, backed up while it is written, exported and repaired', async () => {
    const { logDir, expected } = await filled(scratch, options);
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
      // The index of a segment that was just closed may not have been ready.
      expect(report.findings.filter(({ reason }) => !reason.startsWith('missing; the next open'))).toEqual(
        [],
      );
    }
    expect(await liveIn({ ...options, logDir: base, repair: false })).toEqual(expected);
    const target = await scratch.directory();
    const log = await LogSnapshot.open(partitionOf(base));
    await exportLog(log, partitionOf(target));
    await log.close();
    expect(await liveIn({ logDir: target, logType: 'halt', maxNoBytes: '1MB' })).toEqual(expected);
    // One entry of a segment is damaged; only that entry is lost, unless it was outdated.
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
  it('adopts a log of one large file', async () => {
    const logDir = await scratch.directory();
    let expected: [string, string][] = [];
    await withStore({ logDir, logType: 'halt', maxNoBytes: '1MB' }, async (store) => {
      expected = sorted(await fill(store));
    });
    expect(await readdir(partitionOf(logDir))).toContain('log');
    expect(await liveIn({ ...small, logDir })).toEqual(expected);
    const { adapter, store } = await open({ ...small, logDir });
    await store.put('k00001', 'new');
    await store.optimize();
    expected = sorted(new Map([...expected, ['k00001', 'new']]));
    expect((await contentsOf(store)).live).toEqual(expected);
    expect(await readdir(partitionOf(logDir))).not.toContain('log');
    expect(await adapter.list()).toEqual([{ topic: 't', partition: 0 }]);
    await adapter.close();
    expect(await liveIn({ ...small, logDir })).toEqual(expected);
    for (const logType of ['halt', 'wrap'] as const) {
      await expect(open({ ...small, logDir, logType })).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
    }
    expect(await liveIn({ ...small, logDir })).toEqual(expected);
  });

  it('compacts everything written before a call of optimize, even while an earlier call is running', async () => {
    const { adapter, store } = await open({ ...small, logDir: await scratch.directory() });
    const expected = sorted(await fill(store));
    await store.optimize();
    for (let round = 0; round < 5; round++) {
      for (const entry of expected.slice(0, 100)) await store.put(...entry);
      const first = store.optimize();
      await Promise.resolve();
      await Promise.all([first, store.put(...expected[0]!), store.optimize()]);
      expect(await logEntries(store)).toHaveLength(expected.length);
    }
    await adapter.close();
  });

  it('does not let a compaction disturb a scan that began before it', async () => {
    const { logDir, expected } = await filled(scratch);
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

  it('survives truncations and closes in the middle of a compaction', async () => {
    for (const action of ['truncate', 'close', 'kill'] as const) {
      const { logDir, expected } = await filled(scratch);
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
      expect(await liveIn({ ...small, logDir: directory })).toEqual(
        action === 'truncate' ? [['after', 'x']] : expected,
      );
    }
  });

  it('is empty after a truncation, whatever a merge was making meanwhile', async () => {
    const { logDir, expected } = await filled(scratch);
    const { adapter, store, merge } = await openHeld({ ...small, logDir });
    // No writer waits for a merge that has little to do.
    await store.optimize();
    for (const [key] of expected.slice(0, 40)) await store.put(key, '.'.repeat(40));
    merge.hold();
    const compaction = store.optimize();
    await merge.begins;
    await store.truncate();
    const killed = await scratch.directory();
    copyOpenLog(logDir, killed);
    merge.goOn();
    await compaction;
    await adapter.close();
    expect(await liveIn({ ...small, logDir: killed })).toEqual([]);
  });
});

/**
 * Opens a log in which, once held, a merge makes its file between the moment at which a truncation lists the files and the
 * rest of the truncation. The merge has stored the file, but has not finished, before `goOn`. If one waits for the other,
 * the wait ends after so many turns of the event loop.
 */
async function openHeld(options: DiskLogOptions) {
  const seen = { isHeld: false, isListed: false, isStored: false, mayGoOn: false };
  let begin = () => {};
  let made = 0;
  const until = async (what: keyof typeof seen) => {
    for (let turns = 0; turns < 2000 && !seen[what]; turns++) await new Promise(setImmediate);
  };
  const fs: FileSystem = {
    ...fastFileSystem,
    async readdir(path) {
      const names = await fastFileSystem.readdir(path);
      seen.isListed = seen.isHeld;
      return names;
    },
    async open(path, how) {
      if (seen.isHeld && path.endsWith('log.truncating')) await until('isStored');
      const isSegment = seen.isHeld && how.create === true && /log\.c\d+$/.test(path);
      // The first is the segment that is written next.
      if (!isSegment || made++ === 0) return fastFileSystem.open(path, how);
      begin();
      await until('isListed');
      const handle = await fastFileSystem.open(path, how);
      const sync = handle.sync.bind(handle);
      handle.sync = async () => {
        seen.isStored = true;
        await until('mayGoOn');
        await sync();
      };
      return handle;
    },
  };
  const merge = {
    begins: new Promise<void>((resolve) => (begin = resolve)),
    hold: () => void (seen.isHeld = true),
    goOn: () => void (seen.mayGoOn = true),
  };
  const adapter = new DiskLogStorageAdapter(options, fs);
  return { adapter, store: await adapter.open('t', 0), merge };
}

import { execFileSync } from 'node:child_process';
import { cp, link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { PartitionStore } from '@genrocks/storage';
import { logEntries, partitionOf, Scratch, snapshot, withStore } from '../__fixtures__/directories.js';
import { DiskLogStorageAdapter } from '../index.js';
import { backupLogs, exportLog, LogSnapshot, readManifest, restoreBackup, verifyLog } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const WRAP = { maxNoBytes: 4000, maxNoFiles: 4, sync: 'os' as const };

async function numbersOf(store: PartitionStore): Promise<number[]> {
  return (await logEntries(store)).map(({ key }) => Number(key.toString()));
}

async function readNumbers(logDir: string): Promise<number[]> {
  return withStore({ logDir, ...WRAP, repair: false }, numbersOf);
}

/** A log_dir with one wrap log that has wrapped, and a directory for backups. */
async function wrapLog(puts = 300): Promise<{ logDir: string; target: string }> {
  const base = await scratch.directory();
  const logDir = join(base, 'log');
  await withStore({ logDir, ...WRAP }, (store) => putAll(store, 0, puts));
  return { logDir, target: join(base, 'backup') };
}

async function putAll(store: PartitionStore, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await store.put(String(i), `value-${i}`);
}

async function isClean(directory: string): Promise<boolean> {
  const log = await LogSnapshot.open(directory);
  try {
    return (await verifyLog(log)).clean;
  } finally {
    await log.close();
  }
}

describe('backups', () => {
  it('of a log that rotates at full speed open directly, without a gap, with everything acknowledged', async () => {
    const base = await scratch.directory();
    const logDir = join(base, 'log');
    const target = join(base, 'backup');
    const adapter = new DiskLogStorageAdapter({ logDir, maxNoBytes: 4000, maxNoFiles: 4, sync: 'os' });
    const store = await adapter.open('t', 0);
    let acknowledged = -1;
    let running = true;
    const write = async () => {
      for (let next = 0; running; next += 10) {
        const puts = Array.from({ length: 10 }, (_, i) => store.put(String(next + i), 'v'.repeat(20)));
        await Promise.all(puts);
        acknowledged = next + 9;
      }
    };
    const writing = write();
    try {
      await store.put('start', 'x');
      for (let round = 0; round < 12; round++) {
        const before = acknowledged;
        await backupLogs(logDir, target);
        expect(await isClean(partitionOf(target))).toBe(true);
        await restoreBackup(target, join(base, `restored-${round}`));
        const numbers = (await readNumbers(join(base, `restored-${round}`))).filter((n) => !Number.isNaN(n));
        numbers.forEach((number, i) => expect(number).toBe(numbers[0]! + i));
        expect(numbers.at(-1)).toBeGreaterThanOrEqual(before);
      }
    } finally {
      running = false;
      await writing;
      await adapter.close();
    }
    expect(acknowledged).toBeGreaterThan(1000);
  });

  it('of a compact log while it is compacted hold every key', async () => {
    const base = await scratch.directory();
    const logDir = join(base, 'log');
    await withStore({ logDir, logType: 'compact', sync: 'os' }, async (store) => {
      for (let i = 0; i < 3000; i++) await store.put(`key${i % 50}`, String(i));
      const compacting = store.optimize();
      await backupLogs(logDir, join(base, 'backup'));
      await compacting;
    });
    await restoreBackup(join(base, 'backup'), join(base, 'restored'));
    await withStore({ logDir: join(base, 'restored'), logType: 'compact', repair: false }, async (store) => {
      for (let i = 0; i < 50; i++) expect((await store.get(`key${i}`))?.toString()).toBe(String(2950 + i));
    });
  });

  it('leave the source as it was', async () => {
    const { logDir, target } = await wrapLog();
    const before = await snapshot(partitionOf(logDir));
    await backupLogs(logDir, target);
    expect(await snapshot(partitionOf(logDir))).toEqual(before);
  });

  it('take unchanged files from the previous backup', async () => {
    const { logDir, target } = await wrapLog();
    const first = await backupLogs(logDir, target);
    expect(first.reusedFiles).toBe(0);
    const again = await backupLogs(logDir, target);
    // Three older files and their key indexes.
    expect(again.reusedFiles).toBe(6);
    await withStore({ logDir, ...WRAP }, (store) => putAll(store, 300, 345));
    const third = await backupLogs(logDir, target);
    expect(third.reusedFiles).toBeGreaterThan(0);
    expect(third.reusedFiles).toBeLessThan(6);
    await restoreBackup(target, `${target}-restored`);
    expect(await readNumbers(`${target}-restored`)).toEqual(await readNumbers(logDir));
  });

  it('leave out what an interrupted write left, and open without repair', async () => {
    const base = await scratch.golden('halt_torn');
    const target = `${await scratch.directory()}/backup`;
    await backupLogs(base, target);
    await withStore(
      { logDir: target, logType: 'halt', repair: false },
      async (store) => {
        expect((await store.info()).items).toBe(7);
      },
      'golden',
    );
  });

  it('keep damage as it is, and report it', async () => {
    const { logDir, target } = await wrapLog();
    const [name] = (await readdir(partitionOf(logDir))).filter((file) => /^log\.\d$/.test(file));
    const path = join(partitionOf(logDir), name!);
    const bytes = await readFile(path);
    bytes[300]! ^= 1;
    await writeFile(path, bytes);
    await backupLogs(logDir, target);
    expect((await readFile(join(partitionOf(target), name!))).length).toBeGreaterThan(300);
    expect(await isClean(partitionOf(target))).toBe(false);
  });

  it("copy a whole log_dir, the service's own state last, and name partitions deleted meanwhile", async () => {
    const base = await scratch.directory();
    const logDir = join(base, 'log');
    const adapter = new DiskLogStorageAdapter({ logDir });
    for (const topic of ['__state', 'a/b', 'orders']) await (await adapter.open(topic, 1)).put('k', topic);
    const order: string[] = [];
    const report = await backupLogs(logDir, join(base, 'backup'), {
      onPartition: ({ topic }) => order.push(topic),
    });
    await adapter.close();
    expect(order).toEqual(['a/b', 'orders', '__state']);
    expect(report.partitions.map(({ path }) => path)).toEqual([
      'a/b/partition_1',
      'orders/partition_1',
      '__state/partition_1',
    ]);
    expect(report.vanished).toEqual([]);
  });

  it('are refused if their directories cannot be made', async () => {
    const { logDir } = await wrapLog();
    // Even root cannot write there.
    await expect(backupLogs(logDir, '/proc/genrocks/backup')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuse a target that is something else, or within the source', async () => {
    const { logDir, target } = await wrapLog();
    await mkdir(target);
    await writeFile(join(target, 'mine'), 'x');
    await expect(backupLogs(logDir, target)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    expect(await readdir(target)).toEqual(['mine']);
    await expect(backupLogs(logDir, join(logDir, 'copy'))).rejects.toMatchObject({
      code: 'TARGET_NOT_EMPTY',
    });
    await expect(backupLogs(join(logDir, 'nothing'), `${target}2`)).rejects.toMatchObject({
      code: 'NOT_A_LOG',
    });
  });

  it('that ended between moving the old one away and publishing the new one lose neither', async () => {
    const { logDir, target } = await wrapLog();
    await backupLogs(logDir, target);
    await rename(target, `${target}.old`);
    expect((await backupLogs(logDir, target)).reusedFiles).toBe(6);
    expect(await readdir(dirname(target))).toEqual(['backup', 'log']);
  });
});

describe('restoring', () => {
  it('refuses a target that is in use or not empty, and with force keeps what was there', async () => {
    const { logDir, target } = await wrapLog();
    await backupLogs(logDir, target);
    const before = await readNumbers(logDir);
    await expect(restoreBackup(target, logDir)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    await withStore({ logDir, ...WRAP }, async () => {
      await expect(restoreBackup(target, logDir, { force: true })).rejects.toMatchObject({ code: 'LOCKED' });
    });
    await withStore({ logDir, ...WRAP }, (store) => store.put('1000', 'later'));
    const { replaced } = await restoreBackup(target, logDir, { force: true });
    expect(await readNumbers(logDir)).toEqual(before);
    expect(await readNumbers(replaced!)).toContain(1000);
  });

  it('restores one partition', async () => {
    const { logDir, target } = await wrapLog();
    await backupLogs(partitionOf(logDir), target);
    const restored = await scratch.directory();
    await restoreBackup(target, partitionOf(restored));
    expect(await readNumbers(restored)).toEqual(await readNumbers(logDir));
  });

  it.each([
    [
      'a changed file',
      async (d: string) => {
        const path = join(d, 't/partition_0/log.1');
        const bytes = await readFile(path);
        bytes[100]! ^= 1;
        await writeFile(path, bytes);
      },
    ],
    ['a missing file', (d: string) => rm(join(d, 't/partition_0/log.1'))],
    ['a missing manifest', (d: string) => rm(join(d, 'genrocks-backup.json'))],
    [
      'a manifest that leads out',
      async (d: string) => {
        const manifest = await readManifest(d);
        const partitions = [{ ...manifest.partitions[0], path: '../../partition_0' }];
        await writeFile(join(d, 'genrocks-backup.json'), JSON.stringify({ ...manifest, partitions }));
      },
    ],
    [
      'a manifest that is none',
      (d: string) => writeFile(join(d, 'genrocks-backup.json'), '{"genrocksBackup":1}'),
    ],
  ])('refuses a backup with %s, and leaves nothing behind', async (_what, harm) => {
    const { logDir, target } = await wrapLog();
    await backupLogs(logDir, target);
    await harm(target);
    await expect(restoreBackup(target, `${target}-restored`)).rejects.toMatchObject({
      code: 'BACKUP_INVALID',
    });
    expect((await readdir(dirname(target))).sort()).toEqual(['backup', 'log']);
  });
});

describe('copies by other means', () => {
  it('tar of a stopped directory', async () => {
    const { logDir } = await wrapLog();
    const base = dirname(logDir);
    execFileSync('tar', ['-C', logDir, '-czf', join(base, 'log.tar.gz'), '.']);
    await mkdir(join(base, 'unpacked'));
    execFileSync('tar', ['-C', join(base, 'unpacked'), '-xzf', join(base, 'log.tar.gz')]);
    expect(await readNumbers(join(base, 'unpacked'))).toEqual(await readNumbers(logDir));
  });

  it('mv of a stopped partition, cp of an older file beside it', async () => {
    const { logDir, target } = await wrapLog();
    const numbers = await readNumbers(logDir);
    await mkdir(join(target, 't'), { recursive: true });
    await rename(partitionOf(logDir), partitionOf(target));
    await cp(join(partitionOf(target), 'log.1'), join(target, 'kept'));
    await link(join(target, 'kept'), join(target, 'linked'));
    expect(await readNumbers(target)).toEqual(numbers);
  });
});

describe('exporting', () => {
  it('a wrap log: plain items, the same entries, closed', async () => {
    const { logDir, target } = await wrapLog();
    const log = await LogSnapshot.open(partitionOf(logDir));
    const report = await exportLog(log, partitionOf(target));
    await log.close();
    expect(report).toMatchObject({ type: 'wrap', damage: [], limits: { maxNoBytes: 4000, maxNoFiles: 4 } });
    expect(await readNumbers(target)).toEqual(await readNumbers(logDir));
    const files = await readdir(partitionOf(target));
    expect(files).toEqual(expect.arrayContaining(['log.1', 'log.idx', 'log.siz']));
    const again = await LogSnapshot.open(partitionOf(logDir));
    await expect(exportLog(again, partitionOf(target))).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    await again.close();
  });
});

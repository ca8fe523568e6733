import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StorageAdapter } from '@genrocks/storage';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { backupLogs, exportLogs, restoreBackup } from '@genrocks/storage-disklog/tools';
import { RocksDbStorageAdapter } from '@genrocks/storage-rocksdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ADAPTERS: [string, (directory: string) => StorageAdapter][] = [
  ['disk_log', (logDir) => new DiskLogStorageAdapter({ logDir })],
  ['rocksdb', (path) => new RocksDbStorageAdapter({ path })],
];

describe.skipIf(process.platform === 'win32')('who may read what is stored', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'genrocks-modes-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const at = (name: string) => join(directory, name);
  const modeOf = async (name: string) => (await stat(at(name))).mode & 0o777;

  async function store(adapter: StorageAdapter): Promise<void> {
    const opened = await adapter.open('t', 0);
    await opened.put('key', 'value');
    await opened.close();
    await adapter.close();
  }

  it.each(ADAPTERS)('is the user alone, in a directory that %s has made', async (_name, make) => {
    await store(make(at('var/data')));
    expect([await modeOf('var'), await modeOf('var/data')]).toEqual([0o700, 0o700]);
  });

  it.each(ADAPTERS)('is who may enter a directory that was there for %s', async (_name, make) => {
    await mkdir(at('data'));
    await chmod(at('data'), 0o750);
    await store(make(at('data')));
    expect(await modeOf('data')).toBe(0o750);
  });

  it('is the user alone in a copy, or who may read the one it replaces', async () => {
    await store(new DiskLogStorageAdapter({ logDir: at('data') }));
    await backupLogs(at('data'), at('backup'));
    await restoreBackup(at('backup'), at('restored'));
    await exportLogs(at('data'), at('exported'));
    for (const name of ['backup', 'restored', 'exported']) expect(await modeOf(name)).toBe(0o700);
    await chmod(at('backup'), 0o755);
    await backupLogs(at('data'), at('backup'));
    expect(await modeOf('backup')).toBe(0o755);
  });
});

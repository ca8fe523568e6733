import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type RocksDbOptions, RocksDbStorageAdapter } from '../index.js';

/** Directories and adapters of a spec file; each test's are closed and removed after it. */
export function databases() {
  const directories: string[] = [];
  const adapters: RocksDbStorageAdapter[] = [];
  afterEach(async () => {
    for (const adapter of adapters.splice(0)) await adapter.close();
    for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
  });
  const directory = async () => {
    const path = await mkdtemp(join(tmpdir(), 'genrocks-rocksdb-'));
    directories.push(path);
    return path;
  };
  const open = (options: RocksDbOptions) => {
    const adapter = new RocksDbStorageAdapter(options);
    adapters.push(adapter);
    return adapter;
  };
  return {
    directory,
    open,
    create: async (options: RocksDbOptions = {}) => open({ path: await directory(), ...options }),
  };
}

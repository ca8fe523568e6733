import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conformanceTests } from '@genrocks/storage/testing';
import { describe, it } from 'vitest';
import { type RocksDbOptions, RocksDbStorageAdapter } from './index.js';

const kinds: Record<string, RocksDbOptions> = {
  'sync always': {},
  'small write buffers, deflated': { writeBufferSize: '64KB', compression: 'deflate', sync: 'os' },
};

for (const [kind, options] of Object.entries(kinds)) {
  describe(`the storage contract, by RocksDB (${kind})`, () => {
    const paths = new WeakMap<object, string>();
    const make = (path: string) => {
      const adapter = new RocksDbStorageAdapter({ ...options, path });
      paths.set(adapter, path);
      return adapter;
    };
    const tests = conformanceTests({
      supports: new RocksDbStorageAdapter({ path: 'unused' }).supports,
      create: async () => make(await mkdtemp(join(tmpdir(), 'genrocks-rocksdb-'))),
      reopen: async (closed) => make(paths.get(closed)!),
      dispose: async (closed) => rm(paths.get(closed)!, { recursive: true, force: true }),
    });
    for (const { name, run, skip } of tests) it.skipIf(skip)(skip ? `${name} (${skip})` : name, run);
  });
}

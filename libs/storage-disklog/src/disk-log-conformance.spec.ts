import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conformanceTests } from '@genrocks/storage/testing';
import { afterAll, describe, it } from 'vitest';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';

const kinds: Record<string, DiskLogOptions> = {
  'wrap, sync always': { logType: 'wrap', maxNoBytes: '64MB' },
  'wrap, sync os': { logType: 'wrap', maxNoBytes: '64MB', sync: 'os' },
  'wrap in many small files': { logType: 'wrap', maxNoBytes: '256KB', maxNoFiles: 500, sync: 'os' },
  'halt, sync interval': { logType: 'halt', maxNoBytes: '1GB', sync: 'interval' },
  compact: { logType: 'compact', sync: 'os' },
  'wrap, JSON lines': { logType: 'wrap', maxNoBytes: '128MB', format: 'external', sync: 'os' },
  'JSON lines in many small files': {
    logType: 'wrap',
    maxNoBytes: '256KB',
    maxNoFiles: 900,
    format: 'external',
    sync: 'os',
  },
  'compact, JSON lines': { logType: 'compact', format: 'external', sync: 'os' },
};

for (const [kind, options] of Object.entries(kinds)) {
  describe(`the storage contract, by the disk log (${kind})`, () => {
    const directories = new Map<unknown, string>();
    const create = async (logDir: string) => {
      const adapter = new DiskLogStorageAdapter({ ...options, logDir });
      directories.set(adapter, logDir);
      return adapter;
    };
    afterAll(async () => {
      for (const directory of new Set(directories.values()))
        await rm(directory, { recursive: true, force: true });
    });
    const tests = conformanceTests({
      supports: new DiskLogStorageAdapter({ logDir: 'unused' }).supports,
      tightSettings: { maxNoBytes: 4096, maxNoFiles: 2 },
      create: async () => create(await mkdtemp(join(tmpdir(), 'genrocks-disklog-'))),
      reopen: async (adapter) => create(directories.get(adapter)!),
    });
    for (const { name, run, skip } of tests) it.skipIf(skip)(skip ? `${name} (${skip})` : name, run);
  });
}

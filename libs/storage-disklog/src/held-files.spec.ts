import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartitionStore } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { Scratch } from './__fixtures__/directories.js';
import { contentsOf } from './__fixtures__/expected-log.js';
import { FaultyFileSystem } from './__fixtures__/faulty-file-system.js';
import { fastFileSystem } from './__fixtures__/recording-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { PooledFile } from './io/handle-pool.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

/** Opens so many other files that the pool closes every file that is not pinned. */
async function crowdOut(): Promise<void> {
  const path = join(await scratch.directory(), 'other');
  await writeFile(path, 'x');
  const others = Array.from({ length: 1200 }, () => new PooledFile(fastFileSystem, path));
  for (const other of others) other.readSync(Buffer.alloc(1), 0, 1, 0);
  for (const other of others) await other.close();
}

async function fill(store: PartitionStore): Promise<void> {
  for (let i = 0; i < 300; i++)
    await store.put(`k${String(i % 200).padStart(3, '0')}`, `${i}${'.'.repeat(1000)}`);
}

const steps: {
  name: string;
  options: DiskLogOptions;
  step: (store: PartitionStore) => Promise<void>;
}[] = [
  {
    name: 'a wrap that overwrites them',
    options: { logType: 'wrap', maxNoFiles: 4, maxNoBytes: 120_000 },
    step: fill,
  },
  {
    name: 'a truncation',
    options: { logType: 'wrap', maxNoFiles: 4, maxNoBytes: 120_000 },
    step: (store) => store.truncate(),
  },
  {
    name: 'the compaction of one file',
    options: { logType: 'compact' },
    step: (store) => store.optimize(),
  },
  {
    name: 'the merging of segments',
    options: { logType: 'compact', maxNoBytes: 40_000 },
    step: async (store) => {
      await fill(store);
      await store.optimize();
    },
  },
];

it.each([
  { name: 'a truncation', options: steps[1]!.options, step: steps[1]!.step },
  { name: 'the next file', options: { ...steps[0]!.options, maxNoFiles: 2 }, step: fill },
  { name: 'the merging of segments', options: steps[3]!.options, step: (store) => store.optimize() },
] satisfies typeof steps)(
  'files that are left alone, because $name was refused, keep no descriptor once nobody reads them',
  async ({ options, step }) => {
    const logDir = await scratch.directory();
    const wider = new DiskLogStorageAdapter(
      { ...options, maxNoFiles: 4, logDir, sync: 'os' },
      fastFileSystem,
    );
    await fill(await wider.open('t', 0));
    await wider.close();
    let lastOpened = 0;
    // Pins as many files as possible, until one fails.
    for (let refused = 0; ; refused++) {
      const fs = new FaultyFileSystem();
      const copy = await scratch.directory();
      await cp(logDir, copy, { recursive: true });
      const adapter = new DiskLogStorageAdapter({ ...options, logDir: copy, sync: 'os' }, fs);
      const store = await adapter.open('t', 0);
      const reader = store.readLogPages({})[Symbol.asyncIterator]();
      await reader.next();
      await crowdOut();
      let asked = 0;
      let isShort = false;
      fs.fault = ({ name, file }) => {
        if (name !== 'open' || !/^log(\.c?\d+)?(\.keys)?$/.test(file)) return undefined;
        isShort ||= asked++ === refused;
        return isShort ? 'EMFILE' : undefined;
      };
      const error: unknown = await step(store).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      fs.fault = () => undefined;
      await reader.return?.();
      await crowdOut();
      const { details } = await store.info();
      const open = [...fs.openHandles].map((id) => id.replace(/#.*/, ''));
      await adapter.close();
      if (!isShort) break;
      lastOpened = refused;
      if (error === undefined) continue;
      if (step === fill) expect(error).toMatchObject({ retriable: true, details: { nothingStored: true } });
      const current = options.logType === 'wrap' ? `log.${details.current_file as number}` : undefined;
      const left = open.filter((name) => /^log(\.c?\d+)?(\.keys)?$/.test(name) && name !== current);
      expect(left.length).toBeLessThanOrEqual(current === undefined ? 1 : 0);
    }
    expect(lastOpened).toBeGreaterThan(0);
  },
);

describe.each(['internal', 'external'] as const)('files that a scan still reads, format %s', (format) => {
  it.each(steps)('outlast $name, although the pool of descriptors is crowded', async ({ options, step }) => {
    const logDir = await scratch.directory();
    const adapter = new DiskLogStorageAdapter({ ...options, format, logDir, sync: 'os' }, fastFileSystem);
    const store = await adapter.open('t', 0);
    await fill(store);
    const { live } = await contentsOf(store);
    const found: [string, string][] = [];
    for await (const { key, value } of store.scan()) {
      if (found.length === 10) {
        await crowdOut();
        await step(store);
        await crowdOut();
      }
      found.push([key.toString(), value.toString()]);
    }
    expect(found).toEqual(live);
    await adapter.close();
  });
});

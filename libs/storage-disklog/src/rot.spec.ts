import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isGenRocksError, type PartitionStore, type StoreEvent } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, scanText, Scratch, withStore } from './__fixtures__/directories.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const isCorrupt = (error: unknown) => isGenRocksError(error, 'LOG_CORRUPT');

/** A wrap log whose first file was closed, with one changed byte of a value there. */
async function rottenLog(format: 'internal' | 'external'): Promise<DiskLogOptions> {
  const logDir = await scratch.directory();
  const options: DiskLogOptions = { logDir, maxNoBytes: 1000, maxNoFiles: 5, format };
  await withStore(options, async (store) => {
    await store.put('old', 'original');
    await store.put('victim', 'needle'.repeat(20));
    for (let i = 0; i < 12; i++) await store.put(`k${i}`, 'x'.repeat(100));
  });
  const path = join(partitionOf(logDir), 'log.1');
  const bytes = await readFile(path);
  bytes[bytes.indexOf('needle')]! ^= 1;
  await writeFile(path, bytes);
  return options;
}

/** Makes every block of an index fail its check; the footer, by which it was opened, stays intact. */
async function spoilIndex(path: string): Promise<void> {
  const bytes = await readFile(path);
  for (let at = 0; at < bytes.length - 96; at += 40) bytes[at]! ^= 1;
  await writeFile(path, bytes);
}

/** Opens the log for a test, which gets the reported damage. */
async function withEvents(
  options: DiskLogOptions,
  use: (store: PartitionStore, damage: () => StoreEvent[]) => Promise<void>,
): Promise<void> {
  const events: StoreEvent[] = [];
  const adapter = new DiskLogStorageAdapter(options);
  try {
    const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
    await use(store, () => events.filter(({ type }) => type === 'damaged'));
  } finally {
    await adapter.close();
  }
}

describe.each(['internal', 'external'] as const)(
  'rot in a file trusted by its index, format %s',
  (format) => {
    it('is reported once, when it is read; the rest of the file stays readable', async () => {
      const options = await rottenLog(format);
      await withEvents(options, async (store, damage) => {
        expect((await store.get('old'))?.toString()).toBe('original');
        expect(damage()).toEqual([]);
        await expect(store.get('victim')).rejects.toSatisfy(isCorrupt);
        await expect(store.get('victim')).rejects.toSatisfy(isCorrupt);
        expect(damage()).toMatchObject([{ file: join(partitionOf(options.logDir!), 'log.1') }]);
        expect((await store.info()).details.damaged_ranges).toHaveLength(1);
        expect((await store.get('old'))?.toString()).toBe('original');
      });
    });

    it.each([
      ['optimize', (store: PartitionStore) => store.optimize()],
      [
        'reading the log, even past the damage',
        async (store: PartitionStore) => {
          for await (const page of store.readLogPages({ skipDamaged: true })) void page;
        },
      ],
    ] as const)('is found by %s', async (_, find) => {
      await withEvents(await rottenLog(format), async (store, damage) => {
        await find(store);
        expect(damage()).toHaveLength(1);
      });
    });

    it('together with a damaged index does not bring back an older value, although the index is lost', async () => {
      const options = await rottenLog(format);
      const directory = partitionOf(options.logDir!);
      expect(await readdir(directory)).toContain('log.1.keys');
      await withEvents(options, async (store, damage) => {
        await spoilIndex(join(directory, 'log.1.keys'));
        await expect(store.get('victim')).rejects.toSatisfy(isCorrupt);
        expect(damage()).toHaveLength(1);
        expect((await store.get('victim', { skipDamaged: true }))?.toString()).toBeUndefined();
        expect((await store.get('k11'))?.toString()).toBe('x'.repeat(100));
      });
    });

    it('together with a damaged index fails a scan that meets both', async () => {
      const options = await rottenLog(format);
      await withEvents(options, async (store, damage) => {
        await spoilIndex(join(partitionOf(options.logDir!), 'log.1.keys'));
        await expect(scanText(store)).rejects.toSatisfy(isCorrupt);
        expect(damage()).toHaveLength(1);
      });
    });

    it('fails a scan in progress, even if another reader has had the index rebuilt', async () => {
      const logDir = await scratch.directory();
      const options: DiskLogOptions = { logDir, maxNoBytes: 100_000, format };
      const keys = Array.from({ length: 4000 }, (_, i) => `k${String((i * 7919) % 4000).padStart(4, '0')}`);
      await withStore(options, async (store) => {
        await store.put('last', 'needle');
        await Promise.all(keys.map((key) => store.put(key, 'v'.repeat(40))));
      });
      await withEvents(options, async (store) => {
        const pages = store.scanPages()[Symbol.asyncIterator]();
        expect(((await pages.next()).value as unknown[]).length).toBeLessThan(keys.length);
        const path = join(partitionOf(logDir), 'log.1');
        const bytes = await readFile(path);
        bytes[bytes.indexOf('needle')]! ^= 1;
        await writeFile(path, bytes);
        await spoilIndex(`${path}.keys`);
        await Promise.allSettled(keys.map((key) => store.get(key)));
        const rest = async () => {
          while ((await pages.next()).done !== true);
        };
        await expect(rest()).rejects.toSatisfy(isCorrupt);
      });
    });
  },
);

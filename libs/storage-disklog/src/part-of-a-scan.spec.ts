import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isGenRocksError, type PartitionStore, type ScanOptions, type StoreEntry } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, Scratch, withStore } from './__fixtures__/directories.js';
import type { DiskLogOptions } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const keyOf = (i: number) => `k${String(i).padStart(4, '0')}`;
const valueOf = (i: number) => `${keyOf(i)} needle `.padEnd(50 + ((i * 997) % 4000), 'v');
const COUNT = 300;

/** Single writes and batches alternately, over several files; the last keys are in the current file. */
async function fill(store: PartitionStore): Promise<void> {
  for (let i = 0; i < COUNT;) {
    const batch = Array.from({ length: Math.min(COUNT - i, 1 + (i % 7)) }, (_, k) => i + k);
    await store.batch(batch.map((n) => ({ type: 'put', key: keyOf(n), value: valueOf(n) })));
    i += batch.length;
  }
}

/** The results of a scan, and how many bytes it read for them. */
async function read(store: PartitionStore, options: ScanOptions) {
  const entries: StoreEntry[] = [];
  let bytes = 0;
  const allocate = (length: number) => {
    bytes += length;
    return Buffer.alloc(length);
  };
  for await (const page of store.scanPages({ ...options, allocate })) entries.push(...page);
  return { entries, bytes };
}

describe.each(['internal', 'external'] as const)('a scan with maxBytes, format %s', (format) => {
  const withLog = async (use: (store: PartitionStore, options: DiskLogOptions) => Promise<void>) => {
    const options: DiskLogOptions = {
      logDir: await scratch.directory(),
      maxNoBytes: 150_000,
      maxNoFiles: 20,
      format,
    };
    await withStore(options, fill);
    await withStore(options, (store) => use(store, options));
  };

  it('reads little more than it returns, wherever it starts, and checks all of it', async () => {
    await withLog(async (store) => {
      expect((await store.info()).details.files).toBeGreaterThan(3);
      for (let from = 0; from < COUNT; from += 11) {
        for (const maxBytes of [1, 10_000, 60_000]) {
          const { entries, bytes } = await read(store, { gte: keyOf(from), maxBytes });
          expect(entries.map(({ value }) => value.toString())).toEqual(
            entries.map((_, i) => valueOf(from + i)),
          );
          expect(entries.length).toBeGreaterThan(0);
          expect(entries.every(({ verified }) => verified === true)).toBe(true);
          const given = entries.reduce((sum, { value }) => sum + value.length, 0);
          expect(given).toBeLessThanOrEqual(Math.max(maxBytes, valueOf(from).length));
          const framing = format === 'internal' ? 100 : 400;
          expect(bytes).toBeLessThanOrEqual(
            given * (format === 'internal' ? 1 : 1.4) + framing * entries.length,
          );
        }
      }
    });
  });

  it('continues from file to file, and ends at the end', async () => {
    await withLog(async (store) => {
      const seen: string[] = [];
      for (let gt = ''; ;) {
        const { entries } = await read(store, { gt, maxBytes: 20_000 });
        if (entries.length === 0) break;
        for (const { key } of entries) seen.push(key.toString());
        gt = seen.at(-1)!;
      }
      expect(seen).toEqual(Array.from({ length: COUNT }, (_, i) => keyOf(i)));
    });
  });

  it('returns what lies before rot, and fails if it starts at the rot', async () => {
    await withLog(async (store, options) => {
      const path = join(partitionOf(options.logDir!), 'log.1');
      const bytes = await readFile(path);
      const victim = 20;
      bytes[bytes.indexOf(`${keyOf(victim)} needle`) + 7]! ^= 1;
      await writeFile(path, bytes);
      const isCorrupt = (error: unknown) => isGenRocksError(error, 'LOG_CORRUPT');
      const seen: string[] = [];
      const scan = async (gte: string) => {
        for await (const page of store.scanPages({ gte, maxBytes: 1_000_000 })) {
          for (const { key, value } of page) {
            seen.push(key.toString());
            expect(value.toString()).toBe(valueOf(Number(key.toString().slice(1))));
          }
        }
      };
      await expect(scan(keyOf(3))).rejects.toSatisfy(isCorrupt);
      const [item] = (await store.info()).details.damaged_ranges as { start: number }[];
      expect(item!.start).toBeGreaterThan(0);
      expect(seen.length).toBeGreaterThan(10);
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => keyOf(3 + i)));
      expect(seen).not.toContain(keyOf(victim));
      seen.length = 0;
      await expect(scan(keyOf(victim))).rejects.toSatisfy(isCorrupt);
      expect(seen).toEqual([]);
    });
  });
});

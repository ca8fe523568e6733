import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, scanText, Scratch, withStore } from './__fixtures__/directories.js';
import type { DiskLogOptions } from './index.js';

const scratch = Scratch.inMemory();
afterAll(() => scratch.clear());

const KINDS: DiskLogOptions[] = [
  { logType: 'wrap', format: 'internal' },
  { logType: 'wrap', format: 'external' },
  { logType: 'compact', format: 'internal' },
  { logType: 'compact', format: 'external' },
];

/** Logs of equal keys' and values' lengths have files of the same generations and lengths. */
async function filled(kind: DiskLogOptions, name: string) {
  const options: DiskLogOptions = {
    ...kind,
    maxNoBytes: 2000,
    sync: 'os',
    logDir: await scratch.directory(),
  };
  await withStore(options, async (store) => {
    for (let i = 0; i < 60; i++) await store.put(`${name}-${String(i).padStart(3, '0')}`, 'v'.repeat(60));
  });
  return options;
}

describe('a file of another log in the place of one that is as long and of the same generation', () => {
  it.each(KINDS)('is read by its own keys, not by the index of the file that was there: %o', async (kind) => {
    const [mine, other] = [await filled(kind, 'mine'), await filled(kind, 'them')];
    const [from, to] = [other, mine].map(({ logDir }) => partitionOf(logDir!));
    const name = (await readdir(to!)).find((file) => /^log\.c?\d+\.keys$/.test(file))!.replace('.keys', '');
    expect(await readdir(from!)).toContain(`${name}.keys`);
    await copyFile(join(from!, name), join(to!, name));
    const found = await withStore(mine, async (store) => {
      const scanned = await scanText(store);
      for (const key of Object.keys(scanned)) expect(await store.exists(key)).toBe(true);
      return Object.keys(scanned);
    });
    const exchanged = found.filter((key) => key.startsWith('them-')).length;
    expect(exchanged).toBeGreaterThan(5);
    expect(found).toHaveLength(60);
  });
});

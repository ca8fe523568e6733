import { existsSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { partitionOf, Scratch, withStore } from '../__fixtures__/directories.js';
import { FORMATS } from '../format/formats.js';
import { LogSnapshot, verifyLog } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

async function damageIn(directory: string): Promise<string[]> {
  const log = await LogSnapshot.open(directory);
  try {
    const { findings } = await verifyLog(log);
    return findings.filter(({ severity }) => severity === 'damage').map(({ reason }) => reason);
  } finally {
    await log.close();
  }
}

/** Where the first item of a file ends. */
function endOfFirst(bytes: Buffer, format: keyof typeof FORMATS): number {
  const { headBytes } = FORMATS[format];
  return format === 'external' ? bytes.indexOf('\n') + 1 : headBytes + 8 + bytes.readUInt32BE(headBytes);
}

it.each(['internal', 'external'] as const)(
  'without its key index, an earlier file that was cut between two items, or emptied, is damage (%s)',
  async (format) => {
    const logDir = await scratch.directory();
    await withStore({ logDir, maxNoBytes: 800, maxNoFiles: 8, format }, async (store) => {
      for (let i = 0; i < 20; i++) await store.put(`k${i}`, 'v'.repeat(50));
    });
    const directory = partitionOf(logDir);
    const file = join(directory, 'log.2');
    expect(existsSync(join(directory, 'log.3'))).toBe(true);
    rmSync(`${file}.keys`);
    expect(await damageIn(directory)).toEqual([]);
    for (const length of [endOfFirst(readFileSync(file), format), 0]) {
      truncateSync(file, length);
      expect(await damageIn(directory), `${length} bytes`).toContainEqual(
        expect.stringMatching(/^\d item\(s\) missing before this one$/),
      );
    }
  },
);

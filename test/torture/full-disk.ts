import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { isGenRocksError, type PartitionStore } from '@genrocks/storage';
import { Logger } from '@nestjs/common';
import { contentsOf, type Limits } from '../../libs/storage-disklog/src/__fixtures__/expected-log.js';
import type { Rig, Torture } from './torture.js';

const SIZE = 2 << 20;

function unavailable(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  return process.getuid?.() === 0 ? undefined : 'it needs root, to mount a small file system';
}

const kinds: Limits[] = [
  { logType: 'halt', maxNoBytes: 1 << 30, maxNoFiles: 1 },
  { logType: 'wrap', maxNoBytes: 200_000, maxNoFiles: 100 },
  { logType: 'compact', maxNoBytes: 1 << 30, maxNoFiles: 1 },
];

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    return isGenRocksError(error) ? error.code : String(error);
  }
}

/** Writes until the disk is full, and remembers what was acknowledged. */
async function fill(store: PartitionStore, expected: Map<string, string>, size: number): Promise<void> {
  for (let i = expected.size; ; i++) {
    const value = `${i}${'.'.repeat(size)}`;
    const code = await codeOf(store.put(`k${i}`, value));
    if (code === 'NO_SPACE') return;
    if (code !== 'ok') throw new Error(`a full disk answered ${code}`);
    expected.set(`k${i}`, value);
  }
}

async function compare(store: PartitionStore, expected: Map<string, string>): Promise<void> {
  const live = new Map((await contentsOf(store)).live);
  if (live.size !== expected.size) throw new Error(`${live.size} keys, expected ${expected.size}`);
  for (const [key, value] of expected)
    if (live.get(key) !== value) throw new Error(`${key} has another value`);
}

async function fillUpAndGoOn(directory: string, limits: Limits, size: number): Promise<string> {
  const ballast = join(directory, 'ballast');
  await writeFile(ballast, Buffer.alloc(SIZE >> 2));
  const options = { ...limits, logDir: join(directory, 'logs') };
  const adapter = new DiskLogStorageAdapter(options);
  const store = await adapter.open('t', 0);
  const expected = new Map<string, string>();
  await fill(store, expected, size);
  const first = expected.size;
  await compare(store, expected);
  // Refused is refused whole, again and again, and reads go on.
  for (let i = 0; i < 20; i++) await codeOf(store.put('big', 'x'.repeat(100_000)));
  await compare(store, expected);
  await rm(ballast);
  await fill(store, expected, size);
  if (expected.size <= first) throw new Error('writes did not resume when there was room');
  await compare(store, expected);
  const second = expected.size;
  const truncated = await codeOf(store.truncate());
  if (truncated !== 'ok') throw new Error(`a truncation of a full disk answered ${truncated}`);
  expected.clear();
  await fill(store, expected, size);
  await adapter.close().catch((error: unknown) => {
    throw new Error('closing on a full disk failed', { cause: error });
  });
  const again = new DiskLogStorageAdapter(options);
  await compare(await again.open('t', 0), expected);
  await again.close();
  return `${first} entries, with more room ${second}, after a truncation ${expected.size}`;
}

async function run({ random, more, say }: Torture): Promise<void> {
  Logger.overrideLogger(false);
  while (more()) {
    for (const limits of kinds) {
      const directory = await mkdtemp(join(tmpdir(), 'genrocks-full-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', directory]);
      const size = random.int(9000);
      try {
        say(`  ${limits.logType}, values of ${size} bytes: ${await fillUpAndGoOn(directory, limits, size)}`);
      } catch (error) {
        throw new Error(`${JSON.stringify(limits)}, values of ${size} bytes`, { cause: error });
      } finally {
        // After a failure the log is still open, and a mount that is busy would hide why.
        execFileSync('umount', ['--lazy', directory]);
        await rm(directory, { recursive: true, force: true });
      }
    }
  }
}

/** A disk filled up, freed, truncated: every write refused with NO_SPACE, none of the others lost, no restart. */
export const fullDiskRig: Rig = { name: 'full-disk', unavailable, run };

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { RocksDbStorageAdapter } from '@genrocks/storage-rocksdb';
import { describe, expect, it } from 'vitest';
import { LoopDisk, loopDisksUnavailable } from './torture/loop-disk.js';

/** Small write buffers, so that RocksDB goes on to another log file again and again. */
const WRITER = `
  const { RocksDbStorageAdapter } = await import('@genrocks/storage-rocksdb');
  const adapter = new RocksDbStorageAdapter({ path: process.argv[1], writeBufferSize: '256KB' });
  const store = await adapter.open('ledger', 0);
  let next = 0;
  const writer = async () => {
    for (;;) {
      const n = String(next++).padStart(8, '0');
      const value = n.repeat(200);
      await store.batch([{ type: 'put', key: n + 'a', value }, { type: 'put', key: n + 'b', value }]);
      process.stdout.write(n + '\\n');
    }
  };
  for (let i = 0; i < 8; i++) void writer();
`;

const obstacle = loopDisksUnavailable();

/** Writes until so many batches are acknowledged, then cuts the power; answers what was acknowledged. */
async function writeAndCut(disk: LoopDisk, path: string, count: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, path], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length !== count) continue;
    disk.cut(child.pid!);
    child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}

describe('a power cut under RocksDB', () => {
  it.skipIf(obstacle !== undefined).each([30, 400, 1500])(
    'loses nothing of %i batches that were acknowledged, and leaves no half of one (root, ext4 on a loop device)',
    async (count) => {
      const disk = await LoopDisk.create(200);
      try {
        const path = join(disk.mountPoint, 'db');
        const acknowledged = await writeAndCut(disk, path, count);
        disk.restart();
        const adapter = new RocksDbStorageAdapter({ path });
        try {
          const store = await adapter.open('ledger', 0);
          const keys: string[] = [];
          for await (const { key } of store.scan()) keys.push(key.toString());
          const found = new Set(keys);
          expect(acknowledged.length).toBeGreaterThanOrEqual(count);
          expect(acknowledged.filter((n) => !found.has(`${n}a`) || !found.has(`${n}b`))).toEqual([]);
          const halves = keys.filter(
            (key) => !found.has(`${key.slice(0, 8)}${key.endsWith('a') ? 'b' : 'a'}`),
          );
          expect(halves).toEqual([]);
          expect((await store.info()).items).toBe(keys.length);
        } finally {
          await adapter.close();
        }
      } finally {
        await disk.remove();
      }
    },
  );
});

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { collect } from './__fixtures__/collect.js';
import { databases } from './__fixtures__/directories.js';

const { directory, open } = databases();
const built = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** Small write buffers, so that RocksDB goes on to another log file again and again. */
const WRITER = `
  const { RocksDbStorageAdapter } = await import(process.argv[1]);
  const adapter = new RocksDbStorageAdapter({ path: process.argv[2], writeBufferSize: '256KB' });
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

/**
 * EXT4_IOC_SHUTDOWN without a flush of the journal: what was not synced is gone, as by a power cut. The writer is stopped
 * a moment before, as the power would stop it: ext4 ends a sync that the shutdown overtakes as if it had succeeded, and
 * a process that goes on would acknowledge it.
 */
const CUT = `
import fcntl, os, signal, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
writer = int(sys.argv[2])
os.kill(writer, signal.SIGSTOP)
while open(f'/proc/{writer}/stat').read().rsplit(') ', 1)[1][0] not in 'TZX':
    pass
fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))
`;

const root = process.platform === 'linux' && process.getuid?.() === 0;
const tools = ['mkfs.ext4', 'python3', 'losetup'].every((tool) => spawnSync('which', [tool]).status === 0);
const possible = root && tools && existsSync(built) && existsSync('/dev/loop-control');

async function fileSystem(): Promise<{ image: string; mounted: string }> {
  const parent = await directory();
  const [image, mounted] = [join(parent, 'image'), join(parent, 'mounted')];
  await writeFile(image, '');
  await truncate(image, 200 * 1024 * 1024);
  await mkdir(mounted);
  execFileSync('mkfs.ext4', ['-q', '-F', image]);
  return { image, mounted };
}

/** Writes until so many batches are acknowledged, then cuts the power; answers what was acknowledged. */
async function writeAndCut(mounted: string, count: number): Promise<string[]> {
  const args = ['--input-type=module', '-e', WRITER, built, join(mounted, 'db')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length !== count) continue;
    execFileSync('python3', ['-c', CUT, mounted, String(child.pid)]);
    child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}

describe('a power cut', () => {
  it.skipIf(!possible).each([30, 400, 1500])(
    'loses nothing of %i batches that were acknowledged, and leaves no half of one (root, ext4 on a loop device)',
    async (count) => {
      const { image, mounted } = await fileSystem();
      execFileSync('mount', ['-o', 'loop', image, mounted]);
      try {
        const acknowledged = await writeAndCut(mounted, count);
        execFileSync('umount', [mounted]);
        execFileSync('mount', ['-o', 'loop', image, mounted]);
        const adapter = open({ path: join(mounted, 'db') });
        const store = await adapter.open('ledger', 0);
        const keys = (await collect(store.scan())).map(({ key }) => key.toString());
        const found = new Set(keys);
        expect(acknowledged.length).toBeGreaterThanOrEqual(count);
        expect(acknowledged.filter((n) => !found.has(`${n}a`) || !found.has(`${n}b`))).toEqual([]);
        expect(
          keys.filter((key) => !found.has(`${key.slice(0, 8)}${key.endsWith('a') ? 'b' : 'a'}`)),
        ).toEqual([]);
        expect((await store.info()).items).toBe(keys.length);
        await adapter.close();
      } finally {
        execFileSync('umount', ['-l', mounted]);
      }
    },
  );
});

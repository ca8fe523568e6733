import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { collect } from './__fixtures__/collect.js';
import { databases } from './__fixtures__/directories.js';
import { type RocksDbOptions } from './index.js';

const { directory, open, create } = databases();
const built = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** Writes numbered batches of two and prints which of them were acknowledged. */
const WRITER = `
  const { RocksDbStorageAdapter } = await import(process.argv[1]);
  const adapter = new RocksDbStorageAdapter({ path: process.argv[2], writeBufferSize: '64KB' });
  const store = await adapter.open('ledger', 0);
  let next = Number(process.argv[3]);
  const writer = async () => {
    for (;;) {
      const n = String(next++).padStart(8, '0');
      const value = n.repeat(50);
      await store.batch([{ type: 'put', key: n + 'a', value }, { type: 'put', key: n + 'b', value }]);
      process.stdout.write(n + '\\n');
    }
  };
  for (let i = 0; i < 16; i++) void writer();
`;

/** Runs the writer until it has acknowledged `count` batches, then kills it. Returns what it acknowledged. */
async function writeAndKill(path: string, from: number, count: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', WRITER, built, path, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === count) child.kill('SIGKILL');
  }
  await exited;
  return acknowledged;
}

describe('a process that is killed', () => {
  it.skipIf(!existsSync(built))('loses nothing that was acknowledged, and no half of a batch', async () => {
    const path = await directory();
    const acknowledged: string[] = [];
    for (const [round, count] of [50, 1, 300, 700, 20].entries()) {
      acknowledged.push(...(await writeAndKill(path, round * 1_000_000, count)));
      const adapter = open({ path });
      const store = await adapter.open('ledger', 0);
      const keys = (await collect(store.scan())).map(({ key }) => key.toString());
      const found = new Set(keys);
      for (const n of acknowledged) expect(found.has(`${n}a`), `lost ${n}`).toBe(true);
      for (const key of keys) {
        expect(found.has(`${key.slice(0, 8)}${key.endsWith('a') ? 'b' : 'a'}`), `half of ${key}`).toBe(true);
      }
      const log = (await collect(store.readLogEntries())).map(({ key }) => key.toString());
      expect(log.toSorted()).toEqual(keys);
      expect((await store.info()).items).toBe(keys.length);
      await adapter.close();
    }
  });
});

describe('a write with sync: always', () => {
  it.skipIf(process.platform !== 'linux')(
    'resolves after the log file it went to was synced, also when RocksDB has gone on to the next file',
    async () => {
      const path = await directory();
      const adapter = open({ path, writeBufferSize: '64KB' });
      const store = await adapter.open('orders', 0);
      const synced = new Set<string>();
      const handle = await openFile(join(path, 'CURRENT'));
      const prototype = Object.getPrototypeOf(handle) as { datasync(): Promise<void> };
      await handle.close();
      // eslint-disable-next-line @typescript-eslint/unbound-method
      const datasync = prototype.datasync;
      const spy = vi.spyOn(prototype, 'datasync').mockImplementation(function (this: { fd: number }) {
        synced.add(basename(readlinkSync(`/proc/self/fd/${this.fd}`)));
        return datasync.call(this);
      });
      try {
        const used = new Set<string>();
        for (let i = 0; i < 60; i++) {
          await store.put(`${i}`, Buffer.alloc(5000, i));
          const newest = readdirSync(path)
            .filter((name) => name.endsWith('.log'))
            .sort()
            .at(-1)!;
          used.add(newest);
          expect(synced.has(newest), `${newest} was not synced`).toBe(true);
        }
        expect(used.size).toBeGreaterThan(2);
      } finally {
        spy.mockRestore();
      }
    },
  );

  it('fails with SYNC_FAILED for good if the device refuses, and the store continues after a reopen', async () => {
    const path = await directory();
    const adapter = open({ path });
    const events: string[] = [];
    const store = await adapter.open('orders', 0, { onEvent: ({ type }) => events.push(type) });
    await store.put('a', '1');
    const handle = await openFile(join(path, 'CURRENT'));
    const prototype = Object.getPrototypeOf(handle) as { datasync(): Promise<void> };
    await handle.close();
    const spy = vi
      .spyOn(prototype, 'datasync')
      .mockRejectedValue(Object.assign(new Error('EIO'), { code: 'EIO' }));
    await expect(store.put('b', '2')).rejects.toMatchObject({ code: 'SYNC_FAILED', retriable: false });
    spy.mockRestore();
    await expect(store.put('c', '3')).rejects.toMatchObject({ code: 'SYNC_FAILED' });
    await expect(store.get('b')).rejects.toMatchObject({ code: 'SYNC_FAILED' });
    expect(events).toEqual(['write', 'failed']);
    await adapter.close();
    const again = await open({ path }).open('orders', 0);
    expect((await again.get('a'))?.toString()).toBe('1');
    await again.put('c', '3');
  });
});

describe('damage', () => {
  it('in a table file fails reads of its entries with LOG_CORRUPT', async () => {
    const path = await directory();
    const adapter = open({ path });
    const store = await adapter.open('orders', 0);
    for (let i = 0; i < 100; i++) await store.put(`${i}`, Buffer.alloc(1000, i));
    await store.optimize();
    await adapter.close();
    const table = join(
      path,
      readdirSync(path).find((name) => name.endsWith('.sst'))!,
    );
    const bytes = readFileSync(table);
    bytes[2000]! ^= 0x10;
    writeFileSync(table, bytes);
    const damaged = open({ path });
    const read = async () => collect((await damaged.open('orders', 0)).scan());
    await expect(read()).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
  });

  it.skipIf(!existsSync(built))(
    'in the write-ahead log: strict refuses it, point_in_time goes back to before it; a torn tail is cut',
    async () => {
      const path = await directory();
      const child = `
        const { RocksDbStorageAdapter } = await import(process.argv[1]);
        const store = await new RocksDbStorageAdapter({ path: process.argv[2] }).open('orders', 0);
        for (let i = 0; i < 50; i++) await store.put(String(i).padStart(2, '0'), Buffer.alloc(2000, i));
        process.kill(process.pid, 'SIGKILL');
      `;
      // The process kills itself, so that the log stays as it was while the database was open.
      spawnSync(process.execPath, ['--input-type=module', '-e', child, built, path]);
      const copy = async (change: (log: Buffer) => Buffer) => {
        const target = join(await directory(), 'copy');
        cpSync(path, target, { recursive: true });
        const log = join(
          target,
          readdirSync(target).find((name) => name.endsWith('.log'))!,
        );
        writeFileSync(log, change(readFileSync(log)));
        return target;
      };
      const entries = async (options: RocksDbOptions) =>
        (await collect((await open(options).open('orders', 0)).scan())).map(({ key }) => Number(key));
      const flip = (log: Buffer) =>
        log.fill(log[log.length >> 1]! ^ 0x10, log.length >> 1, (log.length >> 1) + 1);

      await expect(entries({ path: await copy(flip), recovery: 'strict' })).rejects.toMatchObject({
        code: 'LOG_CORRUPT',
      });
      const before = await entries({ path: await copy(flip) });
      expect(before.length).toBeGreaterThan(10);
      expect(before.length).toBeLessThan(30);
      expect(before).toEqual(before.map((_, i) => i));
      const torn = await copy((log) => log.subarray(0, log.length - 100));
      expect(await entries({ path: torn, recovery: 'strict' })).toHaveLength(49);
    },
  );
});

describe('a full device', () => {
  const canMount = process.platform === 'linux' && process.getuid?.() === 0 && mounts();

  it.skipIf(!canMount)(
    'refuses writes with NO_SPACE, goes on reading, and resumes when there is room',
    async () => {
      const path = await directory();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', path]);
      try {
        const adapter = open({ path: join(path, 'db'), writeBufferSize: '1MB' });
        const store = await adapter.open('orders', 0);
        let kept = 0;
        const put = () => store.put(`${kept}`, Buffer.alloc(100_000, kept)).then(() => kept++);
        await expect(async () => {
          for (;;) await put();
        }).rejects.toMatchObject({ code: 'NO_SPACE', retriable: true });
        expect(await store.get('0')).toHaveLength(100_000);
        expect(await store.exists(`${kept}`)).toBe(false);
        execFileSync('mount', ['-o', 'remount,size=64m', path]);
        await vi.waitFor(put, { timeout: 20_000, interval: 200 });
        expect((await store.info()).items).toBe(kept);
        await adapter.close();
      } finally {
        execFileSync('umount', ['-l', path]);
      }
    },
  );
});

function mounts(): boolean {
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('sync: os', () => {
  it('keeps everything after a close, and sync() waits for the device', async () => {
    const path = await directory();
    const adapter = open({ path, sync: 'os' });
    const store = await adapter.open('orders', 0);
    const written = store.put('a', '1');
    await store.sync();
    await written;
    await adapter.close();
    expect((await (await open({ path }).open('orders', 0)).get('a'))?.toString()).toBe('1');
  });

  it('can be a setting of a single store', async () => {
    const adapter = await create();
    const store = await adapter.open('orders', 0, { settings: { sync: 'os' } });
    expect((await store.info()).details['sync']).toBe('os');
  });
});

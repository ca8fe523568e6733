import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, Scratch } from './__fixtures__/directories.js';
import { DiskLogStorageAdapter } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

async function withAdapter<T>(
  logDir: string,
  use: (adapter: DiskLogStorageAdapter) => Promise<T>,
): Promise<T> {
  const adapter = new DiskLogStorageAdapter({ logDir });
  try {
    return await use(adapter);
  } finally {
    await adapter.close();
  }
}

describe('one process at a time', () => {
  it('a second opener gets LOCKED with the pid of the first', async () => {
    const logDir = await scratch.directory();
    await withAdapter(logDir, async (first) => {
      await first.open('orders', 0);
      await withAdapter(logDir, async (second) => {
        const refused = await second.open('orders', 0).catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: 'LOCKED', retriable: true, details: { pid: process.pid } });
        await second.open('orders', 1);
      });
    });
  });

  it('a lock ends with the process that held it', async () => {
    const logDir = await scratch.directory();
    const directory = partitionOf(logDir, 'orders');
    await mkdir(directory, { recursive: true });
    // Another process takes the same lock as a store, and is killed while it holds it.
    const locks = dirname(createRequire(import.meta.url).resolve('fs-native-extensions/package.json'));
    const script = `
      const fs = require('node:fs');
      const fd = fs.openSync(process.argv[1], 'a+');
      if (!require(${JSON.stringify(locks)}).tryLock(fd)) process.exit(1);
      fs.writeSync(fd, process.pid + '\\n');
      console.log('locked');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['-e', script, join(directory, 'log.lock')]);
    await once(child.stdout, 'data');
    await withAdapter(logDir, async (adapter) => {
      const refused = await adapter.open('orders', 0).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'LOCKED', details: { pid: child.pid } });
      child.kill('SIGKILL');
      await once(child, 'exit');
      await (await adapter.open('orders', 0)).put('a', '1');
    });
  });
});

describe('names and places', () => {
  const hostile = [
    '../x',
    'a/../../b',
    '',
    '/',
    'a//b',
    '.',
    'a\0b',
    'ä',
    'a b',
    'partition_3',
    'x'.repeat(300),
    '~x',
  ];

  it.each(hostile)('refuses the topic name %j and creates nothing', async (name) => {
    const logDir = join(await scratch.directory(), 'data');
    await withAdapter(logDir, async (adapter) => {
      await expect(adapter.open(name, 0)).rejects.toMatchObject({ code: 'INVALID_TOPIC_NAME' });
      await expect(adapter.destroy(name, 0)).rejects.toMatchObject({ code: 'INVALID_TOPIC_NAME' });
    });
    expect(await readdir(dirname(logDir))).toEqual([]);
  });

  it('puts nested topics into nested, separate directories', async () => {
    const logDir = await scratch.directory();
    await withAdapter(logDir, async (adapter) => {
      for (const topic of ['a', 'a/b', 'a/b/c']) await (await adapter.open(topic, 0)).put('who', topic);
      expect(await readdir(join(logDir, 'a', 'b', 'c', 'partition_0'))).toContain('log.1');
    });
    await withAdapter(logDir, async (adapter) => {
      const topics = (await adapter.list()).map(({ topic }) => topic).sort();
      expect(topics).toEqual(['a', 'a/b', 'a/b/c']);
      await adapter.destroy('a/b', 0);
      expect((await (await adapter.open('a', 0)).get('who'))?.toString()).toBe('a');
      expect((await (await adapter.open('a/b/c', 0)).get('who'))?.toString()).toBe('a/b/c');
      expect((await adapter.list()).map(({ topic }) => topic).sort()).toEqual(['a', 'a/b/c']);
    });
  });

  it('removes a destroyed store with its directories, and the remains after a crash', async () => {
    const logDir = await scratch.directory();
    await mkdir(join(logDir, '~destroyed-1-1-0'));
    await writeFile(join(logDir, '~destroyed-1-1-0', 'log.1'), 'x');
    await withAdapter(logDir, async (adapter) => {
      const store = await adapter.open('shop/orders', 0);
      await expect(adapter.destroy('shop/orders', 0)).rejects.toMatchObject({ code: 'LOCKED' });
      await store.close();
      await adapter.destroy('shop/orders', 0);
      expect(await adapter.list()).toEqual([]);
    });
    expect(await readdir(logDir)).toEqual([]);
  });

  it('says what is wrong with a log_dir that is a file', async () => {
    const logDir = join(await scratch.directory(), 'file');
    await writeFile(logDir, 'not a directory');
    await withAdapter(logDir, async (adapter) => {
      await expect(adapter.open('t', 0)).rejects.toMatchObject({
        code: 'IO_ERROR',
        message: expect.stringContaining('choose another log_dir') as string,
      });
    });
  });

  it('says what is wrong with a log_dir that cannot be written', async () => {
    // Not even root can write there.
    await withAdapter('/proc/genrocks', async (adapter) => {
      await expect(adapter.open('t', 0)).rejects.toMatchObject({ code: 'IO_ERROR' });
    });
  });

  it('does not follow a topic directory that leads out of log_dir', async () => {
    const logDir = await scratch.directory();
    const outside = await scratch.directory();
    await symlink(outside, join(logDir, 'orders'));
    await withAdapter(logDir, async (adapter) => {
      await expect(adapter.open('orders', 0)).rejects.toMatchObject({ code: 'IO_ERROR' });
    });
    expect(await readdir(outside)).toEqual([]);
  });
});

describe('options', () => {
  it.each([
    [{ logType: 'ring' }, 'log_type'],
    [{ maxNoFiles: 0 }, 'max_no_files'],
    [{ maxNoBytes: 'lots' }, 'max_no_bytes'],
    [{ sync: 'sometimes' }, 'sync'],
    [{ format: 'xml' }, 'format'],
    [{ overflow: 'reject', logType: 'halt' }, 'overflow'],
    [{ logDirr: '/tmp' }, 'logDir'],
  ])('refuses %j', (options, part) => {
    expect(() => new DiskLogStorageAdapter(options as object)).toThrowError(
      expect.objectContaining({ code: 'INVALID_CONFIG' }) as Error,
    );
    const camel = part.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    expect(() => new DiskLogStorageAdapter(options as object)).toThrowError(new RegExp(`${part}|${camel}`));
  });

  it('lets the settings of a single store override its own, and refuses unknown ones', async () => {
    const logDir = await scratch.directory();
    await withAdapter(logDir, async (adapter) => {
      const store = await adapter.open('t', 0, { settings: { logType: 'halt', maxNoBytes: '2MB' } });
      expect((await store.info()).details.log_type).toBe('halt');
      await expect(adapter.open('t', 1, { settings: { maxFiles: 3 } })).rejects.toMatchObject({
        code: 'INVALID_CONFIG',
      });
      expect(() => adapter.validateSettings({ logDir: '/elsewhere' })).toThrowError(/unknown option/);
    });
  });

  it("keeps a store with retain: 'all' in a compact log", async () => {
    await withAdapter(await scratch.directory(), async (adapter) => {
      const store = await adapter.open('meta', 0, {
        retain: 'all',
        settings: { maxNoBytes: 64, maxNoFiles: 1 },
      });
      expect((await store.info()).details.log_type).toBe('compact');
    });
  });
});

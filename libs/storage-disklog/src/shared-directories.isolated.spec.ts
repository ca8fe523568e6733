import type * as Promises from 'node:fs/promises';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Scratch } from './__fixtures__/directories.js';
import { DiskLogStorageAdapter } from './disk-log-storage-adapter.js';
import { type FileSystem, nodeFileSystem } from './io/file-system.js';

/** Runs before a directory is made. */
let beforeMkdir: (path: string) => Promise<unknown> | undefined;

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof Promises>();
  const mkdir = async (path: string, ...rest: []) => {
    await beforeMkdir?.(path);
    return real.mkdir(path, ...rest);
  };
  return { ...real, mkdir };
});

const scratch = new Scratch();

describe('topics that share directories', () => {
  let logDir: string;
  let adapter: DiskLogStorageAdapter;
  let fileSystem: FileSystem;

  beforeEach(async () => {
    beforeMkdir = () => undefined;
    logDir = await scratch.directory();
    fileSystem = { ...nodeFileSystem };
    adapter = new DiskLogStorageAdapter({ logDir }, fileSystem);
    await create('a/b');
  });
  afterEach(async () => {
    await adapter.close();
    await scratch.clear();
  });

  async function create(topic: string): Promise<void> {
    const store = await adapter.open(topic, 0);
    await store.put('who', topic);
    await store.close();
  }

  /** Deletes `a/b` when a directory of this path is about to be made. */
  function deleteBeforeMaking(...path: string[]): void {
    const made = join(logDir, ...path);
    beforeMkdir = (one) => {
      if (one !== made) return undefined;
      beforeMkdir = () => undefined;
      return adapter.destroy('a/b', 0);
    };
  }

  it.each([
    ['a/c', ['a', 'c']],
    ['a/c', ['a', 'c', 'partition_0']],
    ['a', ['a', 'partition_0']],
    ['a/b/c', ['a', 'b', 'c']],
  ])('%s opens though a/b is deleted before %j is made', async (topic, path) => {
    deleteBeforeMaking(...path);
    await create(topic);
    expect(await adapter.list()).toEqual([{ topic, partition: 0 }]);
    expect((await (await adapter.open(topic, 0)).get('who'))?.toString()).toBe(topic);
  });

  it('are deleted at the same time', async () => {
    await create('a');
    let synced = 0;
    fileSystem.syncDirectory = async (path) => {
      if (synced++ > 0) return nodeFileSystem.syncDirectory(path);
      if (basename(path) === 'a' && dirname(path) === logDir) await adapter.destroy('a/b', 0);
      return nodeFileSystem.syncDirectory(path);
    };
    await adapter.destroy('a', 0);
    expect(await readdir(logDir)).toEqual([]);
  });

  it('are created and deleted concurrently', async () => {
    const topics = ['a', 'a/b', 'a/c', 'a/b/c', 'a/b/d'];
    await Promise.all(
      topics.map(async (topic) => {
        for (let round = 0; round < 20; round++) {
          await create(topic);
          await adapter.destroy(topic, 0);
        }
        await create(topic);
      }),
    );
    expect((await adapter.list()).map(({ topic }) => topic).sort()).toEqual([...topics].sort());
  });

  it('fail with the reason if the path stays missing', async () => {
    const removed: string[] = [];
    beforeMkdir = async (path) => {
      if (path !== join(logDir, 'x', 'y')) return;
      removed.push(path);
      await nodeFileSystem.removeDirectory(dirname(path));
    };
    await expect(adapter.open('x/y', 0)).rejects.toMatchObject({ code: 'IO_ERROR' });
    expect(removed.length).toBe(100);
  });
});

import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Scratch, withStore } from './__fixtures__/directories.js';
import { DiskLogStorageAdapter } from './index.js';
import { type FileHandle, type FileSystem, nodeFileSystem } from './io/file-system.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

describe('opening a log of many files', () => {
  it('lets the event loop turn between files, however slow the device', async () => {
    const options = { logDir: await scratch.directory(), maxNoBytes: '2kB', maxNoFiles: 20 };
    await withStore(options, async (store) => {
      for (let i = 0; i < 15; i++) await store.put(`key-${i}`, Buffer.alloc(1500, 'v'));
    });
    let opened = 0;
    let mostInOneTurn = 0;
    let inThisTurn = 0;
    const slow: FileSystem = {
      ...nodeFileSystem,
      openSync(path) {
        opened++;
        if (inThisTurn++ === 0) setImmediate(() => (inThisTurn = 0));
        mostInOneTurn = Math.max(mostInOneTurn, inThisTurn);
        for (const until = performance.now() + 2; performance.now() < until;);
        return nodeFileSystem.openSync(path);
      },
    };
    const adapter = new DiskLogStorageAdapter(options, slow);
    await adapter.open('t', 0);
    await adapter.close();
    // At least each file and each index.
    expect(opened).toBeGreaterThan(25);
    expect(mostInOneTurn).toBeLessThanOrEqual(2);
  });

  describe('that start with large items', () => {
    const value = Buffer.alloc(100_000, 'v');

    async function filled() {
      const options = { logDir: await scratch.directory(), maxNoBytes: '200kB', maxNoFiles: 20 };
      await withStore(options, async (store) => {
        for (let i = 0; i < 20; i++) await store.put(`key-${i}`, value);
      });
      return options;
    }

    /** Opens the log, and counts the bytes read until it was open. */
    async function opened(options: { logDir: string }) {
      let bytes = 0;
      const counted = (handle: FileHandle): FileHandle =>
        Object.assign(Object.create(handle) as FileHandle, {
          read: async (...args: Parameters<FileHandle['read']>) => count(await handle.read(...args)),
          readSync: (...args: Parameters<FileHandle['readSync']>) => count(handle.readSync(...args)),
        });
      const count = (read: number) => {
        bytes += read;
        return read;
      };
      const counting: FileSystem = {
        ...nodeFileSystem,
        open: async (path, how) => counted(await nodeFileSystem.open(path, how)),
        openSync: (path) => counted(nodeFileSystem.openSync(path)),
      };
      const adapter = new DiskLogStorageAdapter(options, counting);
      const store = await adapter.open('t', 0);
      const atOpening = bytes;
      const values = await Promise.all(Array.from({ length: 20 }, (_, i) => store.get(`key-${i}`)));
      await adapter.close();
      return { bytes: atOpening, whole: values.filter((read) => read?.equals(value)).length };
    }

    it('does not read them', async () => {
      const { bytes, whole } = await opened(await filled());
      expect(whole).toBe(20);
      expect(bytes).toBeLessThan(4 * value.length);
    });

    it('reads them if an index is missing or is of another file', async () => {
      const options = await filled();
      const directory = join(options.logDir, 't/partition_0');
      await rm(join(directory, 'log.2.keys'));
      await copyFile(join(directory, 'log.3.keys'), join(directory, 'log.4.keys'));
      expect((await opened(options)).whole).toBe(20);
    });
  });
});

import { afterAll, describe, expect, it } from 'vitest';
import { Scratch, withStore } from './__fixtures__/directories.js';
import { DiskLogStorageAdapter } from './index.js';
import { type FileSystem, nodeFileSystem } from './io/file-system.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

describe('opening a log of many files', () => {
  it('lets the event loop turn between them, however slow the device', async () => {
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
    // Each file and each index at least.
    expect(opened).toBeGreaterThan(25);
    expect(mostInOneTurn).toBeLessThanOrEqual(2);
  });
});

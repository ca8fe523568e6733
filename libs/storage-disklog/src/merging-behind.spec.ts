import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { scanText, Scratch } from './__fixtures__/directories.js';
import { fastFileSystem } from './__fixtures__/recording-file-system.js';
import { DiskLogStorageAdapter } from './index.js';
import type { FileHandle, FileSystem } from './io/file-system.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const SEGMENT = 2000;
const KEYS = 20;
const VALUE = 'x'.repeat(60);

/** Writers that never wait, and a merge that cannot read until the gate opens, or cannot read at all. */
async function outrun(gate: { isOpen: Promise<void>; error?: Error }) {
  const gated = (handle: FileHandle): FileHandle =>
    Object.assign(Object.create(handle) as FileHandle, {
      read: async (...args: Parameters<FileHandle['read']>) => {
        await gate.isOpen;
        if (gate.error !== undefined) throw gate.error;
        return handle.read(...args);
      },
    });
  const fs: FileSystem = {
    ...fastFileSystem,
    openSync: (path) => {
      const handle = fastFileSystem.openSync(path);
      return /log(\.c\d+)?$/.test(path) ? gated(handle) : handle;
    },
  };
  const logDir = await scratch.directory();
  const adapter = new DiskLogStorageAdapter(
    { logDir, logType: 'compact', maxNoBytes: SEGMENT, sync: 'os' },
    fs,
  );
  const seen = { writes: 0 };
  const onEvent = ({ type }: { type: string }) => void (type === 'write' && seen.writes++);
  const store = await adapter.open('t', 0, { onEvent });
  let most = 0;
  const put = async (i: number) => {
    await store.put(`k${i % KEYS}`, `${i} ${VALUE}`);
    // The store may have been closed meanwhile.
    const info = await store.info().catch(() => undefined);
    most = Math.max(most, info?.bytes ?? 0);
  };
  const puts = Promise.all(Array.from({ length: 3000 }, (_, i) => put(i)));
  return { adapter, store, puts, seen, most: () => most };
}

/** Waits until nothing has been written for some turns of the event loop. */
async function untilIdle(seen: { writes: number }): Promise<void> {
  for (let idle = 0, writes = -1; idle < 50; idle++) {
    if (writes !== seen.writes) idle = 0;
    writes = seen.writes;
    await turn();
  }
}

it('writers that outrun a merge of a compact log wait for it', async () => {
  let open!: () => void;
  const { adapter, store, puts, seen, most } = await outrun({ isOpen: new Promise((done) => (open = done)) });
  await untilIdle(seen);
  open();
  await puts;
  const live = Object.entries(await scanText(store));
  expect(live).toHaveLength(KEYS);
  for (const [, value] of live) expect(Number(value.split(' ')[0])).toBeGreaterThanOrEqual(3000 - KEYS);
  // What the last merge left; twice that and two segments of new entries; a segment just closed; the current one.
  const lastMerge = KEYS * 130;
  expect(most()).toBeLessThan(3 * lastMerge + 4 * SEGMENT);
  await adapter.close();
});

it('writers do not wait for a merge that fails or is no longer wanted', async () => {
  const error = Object.assign(new Error('injected'), { code: 'EIO' });
  const failing = await outrun({ isOpen: Promise.resolve(), error });
  await failing.puts;
  expect(failing.most()).toBeGreaterThan(100_000);
  await failing.adapter.close();
  let open!: () => void;
  const closing = await outrun({ isOpen: new Promise((done) => (open = done)) });
  await untilIdle(closing.seen);
  const closed = closing.adapter.close();
  open();
  await closing.puts;
  await closed;
});

it('writers do not wait for the compaction of a first segment, which is queued behind them', async () => {
  const logDir = await scratch.directory();
  const adapter = new DiskLogStorageAdapter(
    { logDir, logType: 'compact', maxNoBytes: SEGMENT },
    fastFileSystem,
  );
  const store = await adapter.open('t', 0);
  await store.put('first', VALUE);
  const compaction = store.optimize();
  await Promise.all(Array.from({ length: 300 }, (_, i) => store.put(`k${i}`, VALUE)));
  await compaction;
  expect(Object.keys(await scanText(store))).toHaveLength(301);
  await adapter.close();
});

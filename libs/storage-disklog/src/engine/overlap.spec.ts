import { isGenRocksError, type PartitionStore, type StoreEvent } from '@genrocks/storage';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { copyOpenLog, Scratch } from '../__fixtures__/directories.js';
import { DiskLogStorageAdapter } from '../index.js';
import { type FileHandle, type FileSystem, nodeFileSystem } from '../io/file-system.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

/** A durable write that waits for the test before it is made. */
interface HeldWrite {
  make(): Promise<void>;
  fail(code: string): void;
  /** Writes part of the bytes and fails. */
  tear(bytes: number, code: string): Promise<void>;
}

/** Real files whose durable writes are held back one by one. */
class HoldingFileSystem {
  readonly held: HeldWrite[] = [];
  isHolding = false;
  /** Handles for durable writes that were opened. */
  handles = 0;
  /** Handles for durable writes cannot be opened from now on. */
  isOut = false;

  readonly fs: FileSystem = {
    ...nodeFileSystem,
    open: async (path, options) => {
      if (options.durable === true && this.isOut) throw Object.assign(new Error('out'), { code: 'EMFILE' });
      const handle = await nodeFileSystem.open(path, { ...options, durable: false });
      if (options.durable !== true) return handle;
      this.hold(handle);
      this.handles++;
      return handle;
    },
    syncDirectory: async () => {},
    syncNames: async () => {},
  };

  private hold(handle: FileHandle): void {
    const write = handle.write.bind(handle);
    handle.writev = (sources, position) => {
      const all = Buffer.concat(sources);
      return handle.write(all, 0, all.length, position);
    };
    handle.write = (source, offset, length, position) => {
      if (!this.isHolding) return write(source, offset, length, position);
      return new Promise<number>((resolve, reject) => {
        const fail = (code: string) => reject(Object.assign(new Error(code), { code }));
        this.held.push({
          make: async () => resolve(await write(source, offset, length, position)),
          fail,
          tear: async (bytes, code) => {
            await write(source, offset, bytes, position);
            fail(code);
          },
        });
      });
    };
  }
}

let files: HoldingFileSystem;
let logDir: string;
let adapter: DiskLogStorageAdapter;
let store: PartitionStore;
beforeEach(async () => {
  files = new HoldingFileSystem();
  logDir = await scratch.directory();
  adapter = new DiskLogStorageAdapter({ logDir, logType: 'halt' }, files.fs);
  store = await adapter.open('t', 0);
});
afterEach(async () => {
  files.isHolding = false;
  await adapter.close();
});

const batch = (prefix: string, bytes = 1) =>
  store.batch(
    Array.from({ length: 8 }, (_, i) => ({
      type: 'put' as const,
      key: `${prefix}${i}`,
      value: 'v'.repeat(bytes),
    })),
  );
const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ok',
    (error: unknown) => (isGenRocksError(error) ? error.code : String(error)),
  );

/** Two groups in flight: their outcomes, and the writes that wait to be made. */
async function overlapped(): Promise<{ first: Promise<string>; second: Promise<string> }> {
  files.isHolding = true;
  const a = batch('a');
  await expect.poll(() => files.held).toHaveLength(1);
  // Would go at the same time if the second handle were open; it is opened for the next time.
  const c = batch('c');
  await expect.poll(() => files.handles).toBe(2);
  await files.held.pop()!.make();
  await expect.poll(() => files.held).toHaveLength(1);
  await files.held.pop()!.make();
  await Promise.all([a, c]);
  const first = outcome(batch('first'));
  await expect.poll(() => files.held).toHaveLength(1);
  const second = outcome(batch('second'));
  await expect.poll(() => files.held).toHaveLength(2);
  files.isHolding = false;
  return { first, second };
}

/** What a store contains that opens what a kill would leave now, and whether anything counts as damaged. */
async function afterKill(): Promise<{ has: (prefix: string) => boolean; damaged: boolean }> {
  const copy = await scratch.directory();
  copyOpenLog(logDir, copy);
  const events: StoreEvent[] = [];
  const later = new DiskLogStorageAdapter({ logDir: copy, logType: 'halt' });
  const reopened = await later.open('t', 0, { onEvent: (event) => events.push(event) });
  const keys = new Set<string>();
  for await (const { key } of reopened.scan()) keys.add(key.toString());
  await later.close();
  return {
    has: (prefix) => keys.has(`${prefix}0`) && keys.has(`${prefix}7`),
    damaged: events.some(({ type }) => type === 'damaged'),
  };
}

describe('two groups in flight', () => {
  it('are acknowledged and shown in order, whichever is stored first', async () => {
    const { first, second } = await overlapped();
    const settled = vi.fn();
    void second.then(settled);
    await files.held[1]!.make();
    expect(await store.exists('second0')).toBe(false);
    expect(settled).not.toHaveBeenCalled();
    await files.held[0]!.make();
    expect([await first, await second]).toEqual(['ok', 'ok']);
    expect([await store.exists('first7'), await store.exists('second7')]).toEqual([true, true]);
    const state = await afterKill();
    expect([state.has('first'), state.has('second'), state.damaged]).toEqual([true, true, false]);
  });

  it.each([0, 100])(
    'leave a torn log, not a damaged one, where only the second and %i bytes of the first are stored',
    async (bytes) => {
      const { first, second } = await overlapped();
      await files.held[1]!.make();
      if (bytes > 0) await files.held[0]!.tear(bytes, 'EIO');
      const state = await afterKill();
      expect([state.has('c'), state.has('first'), state.has('second')]).toEqual([true, false, false]);
      expect(state.damaged).toBe(false);
      if (bytes === 0) await files.held[0]!.make();
      await Promise.all([first, second]);
    },
  );

  it('both fail if the first fails for good, even if the second is stored', async () => {
    const { first, second } = await overlapped();
    await files.held[1]!.make();
    files.held[0]!.fail('EIO');
    expect([await first, await second]).toEqual(['SYNC_FAILED', 'SYNC_FAILED']);
    expect([await store.exists('first0'), await store.exists('second0')]).toEqual([false, false]);
    expect(await outcome(batch('later'))).toBe('SYNC_FAILED');
  });

  it('keep the first if the second fails for good', async () => {
    const { first, second } = await overlapped();
    files.held[1]!.fail('EIO');
    await files.held[0]!.make();
    expect([await first, await second]).toEqual(['ok', 'SYNC_FAILED']);
    expect([await store.exists('first0'), await store.exists('second0')]).toEqual([true, false]);
  });

  it('are cut back together if there is no space for the first, and writes go on', async () => {
    const { first, second } = await overlapped();
    const waiting = outcome(batch('waiting'));
    await files.held[0]!.tear(100, 'ENOSPC');
    await files.held[1]!.make();
    expect([await first, await second, await waiting]).toEqual(['NO_SPACE', 'NO_SPACE', 'ok']);
    await batch('later');
    const state = await afterKill();
    expect(state.damaged).toBe(false);
    const found = ['c', 'first', 'second', 'waiting', 'later'].map(state.has);
    expect(found).toEqual([true, false, false, true, true]);
  });

  it('do not count as stored what a group before them, which found no space, was to write', async () => {
    const { first, second } = await overlapped();
    // As much as fits a group, so that later writes go to another one.
    const full = outcome(batch('full', 520 << 10));
    const behind = first.then(() => outcome(batch('behind', 300 << 10)));
    files.isHolding = true;
    const [a, b] = files.held.splice(0);
    await b!.make();
    a!.fail('ENOSPC');
    expect([await first, await second]).toEqual(['NO_SPACE', 'NO_SPACE']);
    await expect.poll(() => files.held).toHaveLength(2);
    await files.held[1]!.make();
    const state = await afterKill();
    expect([state.has('c'), state.has('full'), state.has('behind')]).toEqual([true, false, false]);
    expect(state.damaged).toBe(false);
    await files.held[0]!.make();
    expect([await full, await behind]).toEqual(['ok', 'ok']);
  });

  it('are cut back to the end of the first if there is no space for the second', async () => {
    const { first, second } = await overlapped();
    await files.held[1]!.tear(100, 'ENOSPC');
    await files.held[0]!.make();
    expect([await first, await second]).toEqual(['ok', 'NO_SPACE']);
    await batch('later');
    const state = await afterKill();
    expect(state.damaged).toBe(false);
    expect(['first', 'second', 'later'].map(state.has)).toEqual([true, false, true]);
  });

  it('settle before the log is truncated or closed', async () => {
    const { first, second } = await overlapped();
    const truncated = outcome(store.truncate());
    const last = outcome(batch('last'));
    await files.held[1]!.make();
    expect(await store.exists('c0')).toBe(true);
    await files.held[0]!.make();
    expect([await first, await second, await truncated, await last]).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect([await store.exists('second0'), await store.exists('last0')]).toEqual([false, true]);
  });
});

it('groups go one at a time if the second handle cannot be opened', async () => {
  files.isOut = true;
  files.isHolding = true;
  const first = outcome(batch('first'));
  await expect.poll(() => files.held).toHaveLength(1);
  const second = outcome(batch('second'));
  const third = outcome(batch('third'));
  await files.held[0]!.make();
  await expect.poll(() => files.held).toHaveLength(2);
  await files.held[1]!.make();
  expect(await Promise.all([first, second, third])).toEqual(['ok', 'ok', 'ok']);
});

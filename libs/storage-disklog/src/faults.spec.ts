import { cp } from 'node:fs/promises';
import { isGenRocksError, type PartitionStore } from '@genrocks/storage';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logEntries, scanText, Scratch } from './__fixtures__/directories.js';
import {
  contentsOf,
  crashProblem,
  type Limits,
  type Operation,
  perform,
} from './__fixtures__/expected-log.js';
import { type Call, type Fault, FaultyFileSystem } from './__fixtures__/faulty-file-system.js';
import { SmallDevice } from './__fixtures__/small-device.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';

const scratch = Scratch.inMemory();
afterAll(() => scratch.clear());

let fs: FaultyFileSystem;
let logDir: string;
let adapters: DiskLogStorageAdapter[];
beforeEach(async () => {
  fs = new FaultyFileSystem();
  logDir = await scratch.directory();
  adapters = [];
});
afterEach(async () => {
  fs.fault = () => undefined;
  for (const adapter of adapters) await adapter.close();
  expect(fs.mistakes).toEqual([]);
  expect([...fs.openHandles]).toEqual([]);
});

async function open(options: DiskLogOptions): Promise<PartitionStore> {
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fs);
  adapters.push(adapter);
  return adapter.open('t', 0);
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: unknown) => (isGenRocksError(error) ? error.code : `no code: ${String(error)}`),
  );

describe('a failed sync', () => {
  it.each(['interval', 'os'] as const)('is final for the open log (sync: %s)', async (sync) => {
    const store = await open({ logType: 'halt', sync });
    await store.put('a', '1');
    fs.fault = ({ name }) => (name === 'sync' ? 'EIO' : undefined);
    expect(await codeOf(store.sync())).toBe('SYNC_FAILED');
    fs.fault = () => undefined;
    expect(await codeOf(store.put('b', '2'))).toBe('SYNC_FAILED');
    expect(await codeOf(store.sync())).toBe('SYNC_FAILED');
    expect(await codeOf(store.truncate())).toBe('SYNC_FAILED');
    expect(await codeOf(store.optimize())).toBe('SYNC_FAILED');
    expect(await scanText(store)).toEqual({ a: '1' });
    expect(await codeOf(store.close())).toBe('ok');
    const again = await open({ logType: 'halt', sync });
    expect(await scanText(again)).toEqual({ a: '1' });
    await again.put('b', '2');
  });

  it('does not happen to a background sync during a rotation', async () => {
    // So long that the interval ends between closing one file and starting the next.
    const rename = fs.rename.bind(fs);
    fs.rename = (from, to) => new Promise((done) => setTimeout(done, 15)).then(() => rename(from, to));
    const store = await open({ sync: 'interval', syncIntervalMs: 10, maxNoBytes: 2000, maxNoFiles: 3 });
    for (let i = 0; i < 12; i++) expect(await codeOf(store.put(`k${i}`, Buffer.alloc(1000)))).toBe('ok');
    expect(await codeOf(store.sync())).toBe('ok');
  });

  it('of a durable write is also final, whatever else is waiting', async () => {
    const store = await open({ logType: 'halt' });
    await store.put('a', '1');
    fs.fault = ({ name }) => (name === 'write' ? 'EIO' : undefined);
    const results = await Promise.all(
      [store.put('b', '2'), store.put('c', '3'), store.delete('a')].map(codeOf),
    );
    expect(results).toEqual(['SYNC_FAILED', 'SYNC_FAILED', 'SYNC_FAILED']);
    fs.fault = () => undefined;
    expect(await codeOf(store.put('d', '4'))).toBe('SYNC_FAILED');
    expect((await store.get('a'))?.toString()).toBe('1');
    expect(await store.exists('b')).toBe(false);
    expect(await logEntries(store)).toHaveLength(1);
    await store.close();
    expect(await scanText(await open({ logType: 'halt' }))).toMatchObject({ a: '1' });
  });
});

describe('a full device', () => {
  it.each([1, 16])('has its last space for data, not for zeros ahead (%i writers)', async (writers) => {
    const device = new SmallDevice(150);
    fs = device;
    const store = await open({ logType: 'halt' });
    const value = 'x'.repeat(5000);
    let stored = 0;
    const fill = async () => {
      for (let isFull = false; !isFull;) {
        const puts = Array.from({ length: writers }, (_, i) => codeOf(store.put(`${stored}-${i}`, value)));
        const taken = (await Promise.all(puts)).filter((code) => code === 'ok').length;
        stored += taken;
        isFull = taken < writers;
      }
    };
    await fill();
    for (let times = 0; times < 5; times++) {
      const before = stored;
      device.blocks += 2 * writers;
      await fill();
      expect(stored - before).toBeGreaterThanOrEqual(writers);
    }
    expect(device.free).toBeLessThan(2 * writers);
  });

  it.each([0, 1, 7, 40, 180])(
    'takes %i bytes of a write and no more: refused, cut back, resumed',
    async (taken) => {
      const store = await open({ logType: 'halt' });
      await store.put('a', '1');
      let first = true;
      fs.fault = ({ name }) => {
        if (name !== 'write') return undefined;
        const fault = first ? taken : 'ENOSPC';
        first = false;
        return fault;
      };
      const before = (await store.info()).bytes;
      expect(await codeOf(store.put('b', 'x'.repeat(200)))).toBe('NO_SPACE');
      expect(
        await codeOf(
          store.batch([
            { type: 'put', key: 'c', value: '1' },
            { type: 'delete', key: 'a' },
          ]),
        ),
      ).toBe('NO_SPACE');
      expect(await scanText(store)).toEqual({ a: '1' });
      expect((await store.info()).bytes).toBe(before);
      fs.fault = () => undefined;
      await store.put('d', '4');
      // As the process would leave it if it died now.
      const copy = await scratch.directory();
      await cp(logDir, copy, { recursive: true, filter: (path) => !path.endsWith('log.lock') });
      const dead = new DiskLogStorageAdapter({ logType: 'halt', logDir: copy });
      const { details } = await (await dead.open('t', 0)).info();
      expect(details.last_recovery).toMatchObject({ badBytes: 0 });
      await dead.close();
      await store.close();
      expect(await scanText(await open({ logType: 'halt' }))).toEqual({ a: '1', d: '4' });
    },
  );

  it('accepts every write in small pieces: nothing is lost', async () => {
    const store = await open({ logType: 'wrap', maxNoBytes: 500, maxNoFiles: 20 });
    fs.fault = ({ name }) => (name === 'write' ? 13 : undefined);
    for (let i = 0; i < 30; i++) await store.put(`k${i}`, `v${i}`);
    await store.close();
    fs.fault = () => undefined;
    expect(
      Object.keys(await scanText(await open({ logType: 'wrap', maxNoBytes: 500, maxNoFiles: 20 }))),
    ).toHaveLength(30);
  });

  it('a truncation frees space', async () => {
    const store = await open({ logType: 'wrap', maxNoBytes: 300, maxNoFiles: 3 });
    for (let i = 0; i < 9; i++) await store.put(`k${i}`, 'v');
    let removed = false;
    fs.fault = ({ name, file }) => {
      if (name === 'unlink' && /^log\.\d$/.test(file)) removed = true;
      return name === 'write' && !removed ? 'ENOSPC' : undefined;
    };
    expect(await codeOf(store.put('more', 'v'))).toBe('NO_SPACE');
    expect(await codeOf(store.truncate())).toBe('ok');
    await store.put('again', 'v');
    expect(await scanText(store)).toEqual({ again: 'v' });
  });
});

/** The operations during which each call in turn fails. */
const writes = (from: number, to: number): Operation[] =>
  Array.from({ length: to - from }, (_, i) => ({
    type: 'write',
    writes: [{ key: `k${(from + i) % 7}`, value: `v${from + i}` }],
  }));

const wrap = { logType: 'wrap', maxNoBytes: 260, maxNoFiles: 3 } as const;
const halt = { logType: 'halt', maxNoBytes: 1 << 20, maxNoFiles: 1 } as const;

const scripts: { name: string; limits: Limits; compacted: boolean; operations: Operation[] }[] = [
  { name: 'rotations', limits: wrap, compacted: false, operations: writes(0, 24) },
  {
    name: 'a truncation in a wrap log',
    limits: wrap,
    compacted: false,
    operations: [...writes(0, 9), { type: 'truncate' }, ...writes(9, 14)],
  },
  {
    name: 'a truncation in a halt log',
    limits: halt,
    compacted: false,
    operations: [...writes(0, 3), { type: 'truncate' }, ...writes(3, 5)],
  },
  {
    name: 'a compaction',
    limits: { ...halt, logType: 'compact' },
    compacted: true,
    operations: [...writes(0, 20), { type: 'optimize' }, ...writes(20, 23)],
  },
  {
    name: 'the segments of a compact log',
    limits: { logType: 'compact', maxNoBytes: 260, maxNoFiles: 1 },
    compacted: true,
    operations: [...writes(0, 12), { type: 'optimize' }, ...writes(12, 16)],
  },
];

describe.each(scripts)('any single failing call during $name', ({ limits, compacted, operations }) => {
  /**
   * Runs the script with a fault, continues after it, and opens the log again. Every operation gives `ok` or a code, and
   * everything acknowledged is there, in memory and after the restart.
   */
  async function runWith(fault: (call: Call) => Fault): Promise<string | undefined> {
    logDir = await scratch.directory();
    fs.calls.length = 0;
    const results: string[] = [];
    const acknowledged: Operation[] = [];
    let failed: Operation[] = [];
    fs.fault = fault;
    let store: PartitionStore;
    try {
      store = await open(limits);
    } catch (error) {
      if (!isGenRocksError(error)) return `open failed without a code: ${String(error)}`;
      fs.fault = () => undefined;
      store = await open(limits);
    }
    for (const operation of operations) {
      const code = await codeOf(perform(store, operation));
      results.push(code);
      if (code.startsWith('no code')) return code;
      if (code !== 'ok') failed.push(operation);
      else {
        acknowledged.push(operation);
        // The write was refused and the log went on, so it must not appear later.
        failed = failed.filter(({ type }) => type !== 'truncate');
      }
    }
    const closed = await codeOf(store.close());
    if (closed.startsWith('no code')) return closed;
    fs.fault = () => undefined;
    const again = await open(limits);
    const contents = await contentsOf(again);
    // A failed operation may have taken effect even so, if nothing was acknowledged after it, or may have dropped an old file.
    const problem = crashProblem(
      contents,
      [...acknowledged, ...failed.slice(0, 1)],
      acknowledged.length,
      limits,
      compacted,
    );
    await again.put('after', 'x');
    await again.close();
    return problem === undefined ? undefined : `${problem}; ${results.join(' ')}, close ${closed}`;
  }

  it.each(['EIO', 'ENOSPC', 'EMFILE'])('%s', async (errno) => {
    expect(await runWith(() => undefined)).toBeUndefined();
    const count = fs.calls.length;
    const problems: string[] = [];
    for (let index = 0; index < count; index++) {
      const name = fs.calls[index];
      const problem = await runWith((call) => (call.index === index ? errno : undefined));
      if (problem !== undefined) problems.push(`call ${index} (${name?.name} ${name?.file}): ${problem}`);
    }
    expect(problems.slice(0, 6)).toEqual([]);
  });

  it('ENOSPC from one call on, for a while', async () => {
    await runWith(() => undefined);
    const count = fs.calls.length;
    const problems: string[] = [];
    for (let index = 0; index < count; index += 3) {
      const problem = await runWith((call) =>
        call.index >= index && call.index < index + 12 && ['write', 'open', 'copyFile'].includes(call.name)
          ? 'ENOSPC'
          : undefined,
      );
      if (problem !== undefined) problems.push(`from call ${index}: ${problem}`);
    }
    expect(problems.slice(0, 6)).toEqual([]);
  });
});

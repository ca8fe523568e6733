import { rmSync } from 'node:fs';
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isGenRocksError, type PartitionStore } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { copyOpenLog, partitionOf, Scratch, withStore } from './__fixtures__/directories.js';
import { contentsOf } from './__fixtures__/expected-log.js';
import { type Call, type Fault, FaultyFileSystem } from './__fixtures__/faulty-file-system.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { LogSnapshot } from './tools/log-snapshot.js';
import { verifyLog, type VerifyReport } from './tools/verify.js';

const scratch = Scratch.inMemory();
afterAll(() => scratch.clear());

const wrap: DiskLogOptions = { logType: 'wrap', maxNoBytes: 300, maxNoFiles: 4 };
const wrappedLines: DiskLogOptions = { ...wrap, maxNoBytes: 600, format: 'external' };
const halt: DiskLogOptions = { logType: 'halt' };
const lines: DiskLogOptions = { ...halt, format: 'external' };
const segments: DiskLogOptions = { logType: 'compact', maxNoBytes: 300 };

const inPartition = (name: string) => (logDir: string) => join(partitionOf(logDir), name);
const remove = (name: string) => (logDir: string) => rm(inPartition(name)(logDir));
const tear = (name: string) => (logDir: string) => appendFile(inPartition(name)(logDir), 'torn '.repeat(20));
async function flip(path: string, at = 60): Promise<void> {
  const bytes = await readFile(path);
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  await writeFile(path, bytes);
}
/** Cuts off the last item. */
async function cut(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.lastIndexOf('bWLA') - 4));
}

/** Logs that need some work when they are opened. */
const logs: [string, DiskLogOptions, closed: boolean, change: (logDir: string) => Promise<unknown>][] = [
  ['a wrap log that was closed', wrap, true, async () => undefined],
  ['a wrap log that was not closed, with a torn tail', wrap, false, tear('log.2')],
  ['a wrap log without log.idx', wrap, false, remove('log.idx')],
  ['a wrap log without a key index', wrap, true, remove('log.3.keys')],
  ['a wrap log with damage', wrap, true, (logDir) => flip(inPartition('log.1')(logDir))],
  [
    'a log that is being truncated',
    wrap,
    false,
    (logDir) => writeFile(inPartition('log.truncating')(logDir), ''),
  ],
  ['a halt log with a torn tail', halt, false, tear('log')],
  ['a halt log that was closed and then cut', halt, true, (logDir) => cut(inPartition('log')(logDir))],
  ['a halt log with damage', halt, true, (logDir) => flip(inPartition('log')(logDir))],
  ['JSON lines that were closed', lines, true, async () => undefined],
  ['JSON lines with a torn tail', lines, false, tear('log')],
  [
    'JSON lines that were closed, with damage at the end',
    lines,
    true,
    (logDir) => flip(inPartition('log')(logDir), -20),
  ],
  ['JSON lines in a wrap log that was closed', wrappedLines, true, async () => undefined],
  ['a compact log in segments', segments, true, async () => undefined],
  ['a compact log that has lost its list', segments, false, remove('log.segments')],
];

const CHANGES = ['write', 'truncate', 'rename', 'unlink', 'copyFile'];
const once = (errno: string) => (call: Call, index: number) => (call.index === index ? errno : undefined);

/** Which calls, from a given one on, fail; every `stride`th call is tried. */
const faults: [string, stride: number, errnoOf: (call: Call, index: number) => Fault][] = [
  ['EIO', 1, once('EIO')],
  ['EMFILE', 5, once('EMFILE')],
  [
    'a full device',
    5,
    ({ name, index }, from) =>
      index >= from && (name === 'write' || name === 'copyFile') ? 'ENOSPC' : undefined,
  ],
  [
    'a file system that becomes read-only',
    5,
    ({ name, index }, from) => (index >= from && CHANGES.includes(name) ? 'EROFS' : undefined),
  ],
];

describe.each(logs)('calls that fail while %s is opened', (_, options, closed, change) => {
  async function sample(): Promise<string> {
    const logDir = await scratch.directory();
    const adapter = new DiskLogStorageAdapter({ ...options, logDir });
    const store = await adapter.open('t', 0);
    for (let i = 0; i < 24; i++) await store.put(`k${i % 9}`, `v${i}`);
    await store.batch([
      { type: 'put', key: 'b', value: 'x' },
      { type: 'delete', key: 'k3' },
    ]);
    const copy = await scratch.directory();
    if (closed) await adapter.close();
    copyOpenLog(logDir, copy);
    if (!closed) await adapter.close();
    await change(copy);
    return copy;
  }

  /** Opens a log with a fault, and returns its contents, or the error code if it did not open. */
  async function openedWith(logDir: string, fault: (call: Call) => Fault) {
    const fs = new FaultyFileSystem();
    const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fs);
    fs.fault = fault;
    try {
      const store = await adapter.open('t', 0);
      const calls = fs.calls.slice();
      fs.fault = () => undefined;
      return { calls, text: await contentsOf(store).then(JSON.stringify, codeOf) };
    } catch (error) {
      return { calls: fs.calls, code: codeOf(error) };
    } finally {
      fs.fault = () => undefined;
      await adapter.close();
      expect([...fs.mistakes, ...fs.openHandles]).toEqual([]);
    }
  }

  const codeOf = (error: unknown) => (isGenRocksError(error) ? error.code : `no code: ${String(error)}`);

  it.each(faults)('%s', async (_, stride, errnoOf) => {
    const origin = await sample();
    const logDir = await scratch.directory();
    const copied = (from: string) => {
      rmSync(logDir, { recursive: true });
      copyOpenLog(from, logDir);
      return logDir;
    };
    const { text: wanted, calls } = await openedWith(copied(origin), () => undefined);
    const problems: string[] = [];
    for (const { index, name, file } of calls) {
      if (index % stride !== 0) continue;
      const { text, code } = await openedWith(copied(origin), (call) => errnoOf(call, index));
      const where = `call ${index} (${name} ${file})`;
      if (code?.startsWith('no code')) problems.push(`${where}: ${code}`);
      if (text !== undefined && text !== wanted) problems.push(`${where}: ${text}`);
      if (code === undefined) continue;
      const again = await openedWith(logDir, () => undefined);
      if (again.text !== wanted) problems.push(`${where}, then opened: ${again.text ?? again.code}`);
    }
    expect(problems.slice(0, 6), wanted).toEqual([]);
  });
});

it.each([
  // The next write replaces what was cut, so nothing reveals it from then on.
  ['a halt log that was cut', halt, [0, 0, 0], (path: string) => cut(path)],
  ['a halt log with damage in its last item', halt, [0, 0, 1, 1], (path: string) => flip(path, -20)],
  ['JSON lines with damage in the last one', lines, [0, 0, 1, 1], (path: string) => flip(path, -20)],
] as const)('%s is not forgotten by a process that opens it and dies', async (_, options, writes, damage) => {
  const puts = (count: number) => async (store: PartitionStore) => {
    for (let i = 0; i < count; i++) await store.put(`k${i}`, `v${i}`);
  };
  let logDir = await scratch.directory();
  await withStore({ ...options, logDir }, puts(9));
  await damage(inPartition('log')(logDir));
  for (const written of writes) {
    const copy = await scratch.directory();
    const code = await withStore({ ...options, logDir }, async (store) => {
      await puts(written)(store);
      copyOpenLog(logDir, copy);
      return contentsOf(store).then(
        () => 'ok',
        (error: unknown) => isGenRocksError(error) && error.code,
      );
    });
    expect(code).toBe('LOG_CORRUPT');
    logDir = copy;
    const { findings } = await verify(partitionOf(logDir));
    expect(findings.some(({ severity }) => severity === 'damage')).toBe(true);
  }
});

async function verify(directory: string): Promise<VerifyReport> {
  const log = await LogSnapshot.open(directory);
  try {
    return await verifyLog(log);
  } finally {
    await log.close();
  }
}

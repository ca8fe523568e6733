import { copyFile, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { copyOpenLog, partitionOf, Scratch } from '../__fixtures__/directories.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from '../index.js';
import { LogSnapshot, verifyLog } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

async function put(options: DiskLogOptions, from: number, to: number, killed?: string): Promise<void> {
  const adapter = new DiskLogStorageAdapter({ ...options, sync: 'os' });
  const store = await adapter.open('t', 0);
  for (let i = from; i < to; i++) await store.put(`key ${i}`, 'v'.repeat(i));
  if (killed !== undefined) copyOpenLog(options.logDir!, killed);
  await adapter.close();
}

async function damageIn(directory: string): Promise<string[]> {
  const log = await LogSnapshot.open(directory);
  try {
    const { findings } = await verifyLog(log);
    return findings.filter(({ severity }) => severity === 'damage').map(({ reason }) => reason);
  } finally {
    await log.close();
  }
}

describe.each([
  { logType: 'wrap', format: 'internal', file: 'log.1' },
  { logType: 'wrap', format: 'external', file: 'log.1' },
  { logType: 'halt', format: 'internal', file: 'log' },
] as const)('the one file of a $logType log, format $format', ({ file, ...options }) => {
  async function logOf(from: number, to: number): Promise<DiskLogOptions & { logDir: string }> {
    const log = { ...options, logDir: await scratch.directory() };
    await put(log, from, to);
    return log;
  }

  it('is reported if it comes from another log', async () => {
    const { logDir } = await logOf(10, 30);
    const others = [await logOf(11, 60), await logOf(1, 60), await logOf(40, 45)];
    for (const other of others) {
      const copy = await scratch.directory();
      await cp(logDir, copy, { recursive: true });
      await copyFile(join(partitionOf(other.logDir), file), join(partitionOf(copy), file));
      const reasons = await damageIn(partitionOf(copy));
      expect(reasons).toHaveLength(1);
      expect(reasons[0]).toMatch(/not the file of this log|the file is shorter than it was/);
    }
  });

  it('may be longer than when the log was closed, and may have moved', async () => {
    const log = await logOf(10, 30);
    const killed = await scratch.directory();
    await put(log, 30, 40, killed);
    expect(await damageIn(partitionOf(killed))).toEqual([]);
    expect(await damageIn(partitionOf(log.logDir))).toEqual([]);
    const copy = await scratch.directory();
    await cp(log.logDir, copy, { recursive: true });
    await copyFile(join(partitionOf(killed), 'log.end'), join(partitionOf(copy), 'log.end')).catch(() => {});
    // The head was marked closed, and the process died before the record was written.
    expect(await damageIn(partitionOf(copy))).toEqual([]);
  });
});

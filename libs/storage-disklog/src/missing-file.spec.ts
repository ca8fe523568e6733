import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreEvent } from '@genrocks/storage';
import { Logger } from '@nestjs/common';
import { afterAll, describe, expect, it } from 'vitest';
import { partitionOf, Scratch } from './__fixtures__/directories.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { findPartitions, LogSnapshot, repairLog, verifyLog } from './tools/index.js';

Logger.overrideLogger(false);

const scratch = new Scratch();
afterAll(() => scratch.clear());

/** Puts `count` keys, and gives what was found damaged on opening, and all keys there are. */
async function opened(options: DiskLogOptions, count = 0): Promise<{ damage: string[]; keys: string[] }> {
  const damage: string[] = [];
  const adapter = new DiskLogStorageAdapter(options);
  try {
    const onEvent = (event: StoreEvent) => {
      if (event.type === 'damaged') damage.push(event.reason);
    };
    const store = await adapter.open('t', 0, { onEvent });
    const keys: string[] = [];
    for await (const { key } of store.scan()) keys.push(key.toString());
    for (let i = 0; i < count; i++) await store.put(`k${keys.length + i}`, 'x'.repeat(100));
    return { damage, keys };
  } finally {
    await adapter.close();
  }
}

describe.each(['internal', 'external'] as const)('a file of a wrap log that is gone, format %s', (format) => {
  it('is reported whenever the log opens, until a repair has recorded the loss', async () => {
    const options = { logDir: await scratch.directory(), format, maxNoBytes: 600, maxNoFiles: 20 };
    await opened(options, 20);
    const { keys: before } = await opened(options);
    await rm(join(partitionOf(options.logDir), 'log.2'));
    const expected = [expect.stringMatching(/^1 file\(s\) missing between log\.1 .* and log\.3 /)];
    const { damage, keys } = await opened(options);
    expect(damage).toEqual(expected);
    expect(before).toEqual(expect.arrayContaining(keys));
    expect(keys.length).toBeLessThan(before.length);
    expect((await opened(options, 5)).damage).toEqual(expected);

    expect((await repairLog(partitionOf(options.logDir))).after.clean).toBe(true);
    expect((await opened(options)).damage).toEqual([]);
  });

  it('is no news where it was dropped: the log came round, or got other limits', async () => {
    const options = { logDir: await scratch.directory(), format, maxNoBytes: 600 };
    for (const maxNoFiles of [5, 5, 2, 7, 3, 3]) {
      expect(await opened({ ...options, maxNoFiles }, 25)).toMatchObject({ damage: [] });
    }
  });
});

it('a log that is gone altogether is damage to verify while log.end tells of it', async () => {
  const logDir = await scratch.directory();
  await opened({ logDir, logType: 'halt' }, 20);
  await rm(join(partitionOf(logDir), 'log'));
  expect(await findPartitions(logDir)).toMatchObject([{ topic: 't', partition: 0 }]);
  const snapshot = await LogSnapshot.open(partitionOf(logDir));
  const { clean, findings } = await verifyLog(snapshot);
  await snapshot.close();
  expect(clean).toBe(false);
  expect(findings).toMatchObject([
    { severity: 'damage', reason: expect.stringMatching(/^the log is missing; .* 20 item/) as string },
  ]);
  expect((await repairLog(partitionOf(logDir))).after.clean).toBe(true);
});

import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreEvent } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { copyOpenLog, partitionOf, Scratch, withStore } from './__fixtures__/directories.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { findPartitions, LogSnapshot, repairLog, verifyLog } from './tools/index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

/** Puts `count` keys, and returns the damage found by the open, and all keys. */
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

async function damageIn(options: DiskLogOptions): Promise<string[]> {
  const damage: string[] = [];
  const adapter = new DiskLogStorageAdapter(options);
  const onEvent = (event: StoreEvent) => void (event.type === 'damaged' && damage.push(event.reason));
  await adapter.open('t', 0, { onEvent });
  await adapter.close();
  return damage;
}

describe.each(['internal', 'external'] as const)('a missing file of a wrap log, format %s', (format) => {
  it('is reported at every open, until a repair has recorded the loss', async () => {
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

  it('is not reported if it was dropped: the log came round, or got other limits', async () => {
    const options = { logDir: await scratch.directory(), format, maxNoBytes: 600 };
    for (const maxNoFiles of [5, 5, 2, 7, 3, 3]) {
      expect(await opened({ ...options, maxNoFiles }, 25)).toMatchObject({ damage: [] });
    }
  });
});

describe.each(['internal', 'external'] as const)('an earlier use of the newest file, format %s', (format) => {
  /** A closed log that came round to log.1, with log.1 put back as it was before. */
  async function restored(): Promise<{ options: DiskLogOptions; path: string }> {
    const options = { logDir: await scratch.directory(), format, maxNoBytes: 600, maxNoFiles: 4 };
    const path = join(partitionOf(options.logDir), 'log.1');
    await opened(options, 8);
    const earlier = await readFile(path);
    for (let round = 0; ; round++) {
      await opened(options, 1);
      const now = await readFile(path);
      // The file holds one item.
      if (now.length < earlier.length && now.length > 50) break;
      if (round === 40) throw new Error('the log does not come round');
    }
    await writeFile(path, earlier);
    return { options, path };
  }

  const told = expect.stringMatching(/earlier file has replaced the newest one.*generation 5/) as string;

  it('is reported, and nothing older is taken for the newest', async () => {
    const { options, path } = await restored();
    const events: StoreEvent[] = [];
    const adapter = new DiskLogStorageAdapter(options);
    const store = await adapter.open('t', 0, { onEvent: (event) => void events.push(event) });
    expect(events.filter(({ type }) => type === 'damaged')).toMatchObject([{ file: path, reason: told }]);
    expect((await store.info()).details.damaged_ranges).toMatchObject([{ file: path, reason: told }]);
    await expect(store.get('k9')).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
    await expect(store.get('none')).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
    await store.put('new', 'x');
    expect((await store.get('new'))?.toString()).toBe('x');
    const killed = await scratch.directory();
    copyOpenLog(options.logDir!, killed);
    await withStore({ ...options, logDir: killed }, async (again) => {
      expect((await again.info()).details.damaged_ranges).toMatchObject([{ reason: told }]);
      expect((await again.get('new'))?.toString()).toBe('x');
    });
    for (let i = 0; i < 6; i++) await store.put(`more ${i}`, 'x'.repeat(100));
    await adapter.close();
    // Later items have other numbers than the lost ones.
    const directory = partitionOf(options.logDir!);
    const missing = /^1 file\(s\) missing between log\.4 .* and log\.1 /;
    for (let i = 0; i < 2; i++) expect(await damageIn(options)).toEqual([expect.stringMatching(missing)]);
    expect((await repairLog(directory)).after.clean).toBe(true);
    expect(await damageIn(options)).toEqual([]);
  });

  it('is a finding that a repair settles', async () => {
    const { options, path } = await restored();
    const directory = partitionOf(options.logDir!);
    const snapshot = await LogSnapshot.open(directory);
    const { findings } = await verifyLog(snapshot);
    await snapshot.close();
    expect(findings).toContainEqual(
      expect.objectContaining({ severity: 'damage', file: path, reason: told }),
    );
    expect((await repairLog(directory)).after.clean).toBe(true);
    expect(await damageIn(options)).toEqual([]);
  });
});

it('a halt log from before a compaction is reported if it replaces the compacted one', async () => {
  const options: DiskLogOptions = { logDir: await scratch.directory(), logType: 'halt' };
  const path = join(partitionOf(options.logDir!), 'log');
  await opened(options, 8);
  const earlier = await readFile(path);
  await withStore(options, async (store) => {
    for (let i = 0; i < 9; i++) await store.put('k1', `v${i}`);
    await store.optimize();
  });
  await writeFile(path, earlier);
  await withStore(options, async (store) => {
    expect((await store.info()).details.damaged_ranges).toMatchObject([{ file: path }]);
    await expect(store.get('k1')).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
    await store.put('k1', 'new');
    await store.optimize();
    const killed = await scratch.directory();
    copyOpenLog(options.logDir!, killed);
    expect(await damageIn({ ...options, logDir: killed })).toEqual([]);
  });
});

it.each(['internal', 'external'] as const)(
  'what is written where items are missing is readable, and what is older is not, format %s',
  async (format) => {
    const options: DiskLogOptions = { logDir: await scratch.directory(), logType: 'halt', format };
    const path = join(partitionOf(options.logDir!), 'log');
    await opened(options, 8);
    const { length } = await readFile(path);
    await opened(options, 8);
    await truncate(path, length);
    await withStore(options, async (store) => {
      expect((await store.info()).details.damaged_ranges).toMatchObject([{ file: path, start: length }]);
      await store.put('new', 'x');
      expect((await store.get('new'))?.toString()).toBe('x');
      await expect(store.get('k1')).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
    });
  },
);

it('a log that is entirely missing is damage to verify while log.end exists', async () => {
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

it.each(['halt', 'compact'] as const)(
  'an emptied %s log is reported although log.end is damaged, and a log that was being created is not',
  async (logType) => {
    const options: DiskLogOptions = { logDir: await scratch.directory(), logType };
    const directory = partitionOf(options.logDir!);
    await opened(options, 20);
    await truncate(join(directory, 'log.end'), 20);
    await truncate(join(directory, 'log'), 0);
    const snapshot = await LogSnapshot.open(directory);
    expect((await verifyLog(snapshot)).findings).toMatchObject([{ file: join(directory, 'log.end') }]);
    await snapshot.close();
    const reasons = [expect.stringMatching(/record of the log end/), 'the file is missing'];
    expect(await opened(options)).toEqual({ damage: reasons, keys: [] });
    expect(await opened(options)).toEqual({ damage: [], keys: [] });
    await rm(join(directory, 'log.end'));
    await truncate(join(directory, 'log'), 0);
    expect(await opened(options)).toEqual({ damage: [], keys: [] });
  },
);

it.each(['internal', 'external'] as const)(
  'a log.end that cannot be read is reported until the log is closed, format %s',
  async (format) => {
    const options: DiskLogOptions = { logDir: await scratch.directory(), format };
    await opened(options, 20);
    await writeFile(join(partitionOf(options.logDir!), 'log.end'), 'x'.repeat(40));
    const { damage, keys } = await opened(options);
    expect(damage).toEqual([expect.stringMatching(/record of the log end/)]);
    expect(keys).toHaveLength(20);
    expect((await opened(options)).damage).toEqual([]);
  },
);

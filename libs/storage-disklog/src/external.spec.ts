import { appendFile, cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isGenRocksError, type StoreEvent } from '@genrocks/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { asText, logEntries, partitionOf, scanText, Scratch, withStore } from './__fixtures__/directories.js';
import { type DiskLogOptions, DiskLogStorageAdapter } from './index.js';
import { nodeFileSystem } from './io/file-system.js';
import { backupLogs, dumpLog, exportLog, LogSnapshot, repairLog, verifyLog } from './tools/index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const halt: DiskLogOptions = { logType: 'halt', format: 'external' };
const wrap: DiskLogOptions = { logType: 'wrap', maxNoBytes: 600, maxNoFiles: 3, format: 'external' };

async function lines(logDir: string, file = 'log'): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(partitionOf(logDir), file), 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function verified(logDir: string) {
  const snapshot = await LogSnapshot.open(partitionOf(logDir));
  try {
    return await verifyLog(snapshot);
  } finally {
    await snapshot.close();
  }
}

describe('a log of JSON lines', () => {
  it('waits for the device under sync: always, without blocking the event loop', async () => {
    let durableWrites = 0;
    const fs: typeof nodeFileSystem = {
      ...nodeFileSystem,
      open: async (path, options) => {
        const handle = await nodeFileSystem.open(path, options);
        const write = handle.write.bind(handle);
        handle.write = (...args) => {
          if (options.durable === true) durableWrites++;
          return write(...args);
        };
        handle.writeSync = () => expect.unreachable('a write at once is durable on Linux only');
        return handle;
      },
    };
    const adapter = new DiskLogStorageAdapter({ ...halt, logDir: await scratch.directory() }, fs);
    const store = await adapter.open('t', 0);
    await store.put('a', '1');
    await store.put('b', '2');
    await adapter.close();
    expect(durableWrites).toBe(2);
  });

  it('is readable text at any moment, with a complete last line', async () => {
    const logDir = await scratch.directory();
    await withStore({ ...halt, logDir }, async (store) => {
      await store.put('greeting', 'Grüße "€"');
      await store.delete('greeting');
      await store.batch([
        { type: 'put', key: 'a', value: Buffer.from([0xff]) },
        { type: 'delete', key: 'b' },
      ]);
      // So large that the internal format would have zeroed space by now.
      for (let i = 0; i < 20; i++) await store.put(`k${i}`, 'x'.repeat(10_000));
      const [put, deletion, first, second] = await lines(logDir);
      expect(put).toMatchObject({
        key: 'greeting',
        value: 'Grüße "€"',
        timestamp: expect.any(Number) as number,
      });
      expect(deletion).toMatchObject({ key: 'greeting', deleted: true });
      expect(first).toMatchObject({ key: 'a', value_base64: '/w==', batch: '1/2' });
      expect(second).toMatchObject({ key: 'b', deleted: true, batch: '2/2' });
      expect(await lines(logDir)).toHaveLength(24);
    });
    expect(await verified(logDir)).toMatchObject({ clean: true, findings: [], items: 23, entries: 24 });
  });

  it.each([
    ['external', 'internal', halt],
    ['internal', 'external', { logType: 'halt' }],
    ['external', 'internal', wrap],
    ['internal', 'external', { logType: 'wrap' }],
  ] as const)('in format %s is refused with format %s, and left as it is', async (format, other, options) => {
    const logDir = await scratch.directory();
    await withStore({ ...options, format, logDir }, (store) => store.put('k', 'v'));
    const names = await readdir(partitionOf(logDir));
    const opened = withStore({ ...options, format: other, logDir }, (store) => store.info());
    await expect(opened).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining(`format: ${format}`) as string,
    });
    expect(await readdir(partitionOf(logDir))).toEqual(names);
    await withStore({ ...options, format, logDir }, async (store) => {
      expect(await scanText(store)).toEqual({ k: 'v' });
    });
  });

  it('that was not closed needs a repair, and stays untouched with repair: false', async () => {
    const logDir = await scratch.directory();
    const copy = await scratch.directory();
    await withStore({ ...halt, logDir }, async (store) => {
      await store.put('k', 'v');
      await cp(logDir, copy, { recursive: true, filter: (path) => !path.endsWith('log.lock') });
    });
    await appendFile(join(partitionOf(copy), 'log'), '{"key":"torn"');
    expect(await verified(copy)).toMatchObject({ clean: true, findings: [{ severity: 'note', length: 13 }] });
    const options: DiskLogOptions = { ...halt, logDir: copy, repair: false };
    await expect(withStore(options, (store) => store.info())).rejects.toMatchObject({ code: 'NEED_REPAIR' });
    expect(await readFile(join(partitionOf(copy), 'log'), 'utf8')).toMatch(/\{"key":"torn"$/);
    await withStore({ ...halt, logDir, repair: false }, async (store) => {
      expect(await scanText(store)).toEqual({ k: 'v' });
    });
    await withStore({ ...halt, logDir: copy }, async (store) => {
      expect(await scanText(store)).toEqual({ k: 'v' });
      expect((await store.info()).details.last_recovery).toMatchObject({ badBytes: 13 });
    });
    expect(await lines(copy)).toHaveLength(1);
  });

  it('accepts lines that other programs wrote, and keeps a copy before it cuts what is not a line', async () => {
    const logDir = await scratch.directory();
    await withStore({ ...halt, logDir }, (store) => store.put('ours', '1'));
    const path = join(partitionOf(logDir), 'log');
    await appendFile(path, '{"key":"theirs","value":"2","timestamp":5}\n');
    await withStore({ ...halt, logDir }, async (store) => {
      expect(await scanText(store)).toEqual({ ours: '1', theirs: '2' });
      await store.put('again', '3');
    });
    expect(await verified(logDir)).toMatchObject({ clean: true, items: 3, unverifiedItems: 1 });
    await writeFile(path, 'no log at all');
    await rm(join(partitionOf(logDir), 'log.end'));
    await withStore({ ...halt, logDir }, async (store) => {
      expect(await scanText(store)).toEqual({});
    });
    expect(await readFile(`${path}.corrupt`, 'utf8')).toBe('no log at all');
  });

  it('that ends in damage continues on a new line', async () => {
    const logDir = await scratch.directory();
    await withStore({ ...halt, logDir }, async (store) => {
      await store.put('a', '1');
      await store.put('b', '2');
    });
    const path = join(partitionOf(logDir), 'log');
    await truncate(path, (await readFile(path)).length - 5);
    const events: StoreEvent[] = [];
    for (const key of ['c', 'd']) {
      const adapter = new DiskLogStorageAdapter({ ...halt, logDir });
      const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
      await store.put(key, '3');
      expect(asText(await logEntries(store, true)).at(-1)).toMatch(new RegExp(`^${key}=3@`));
      await expect(store.get('b')).rejects.toSatisfy((error) => isGenRocksError(error, 'LOG_CORRUPT'));
      await adapter.close();
    }
    expect(events.filter(({ type }) => type === 'damaged').length).toBeGreaterThan(1);
    const report = await repairLog(partitionOf(logDir));
    expect(report.after).toMatchObject({ clean: true, items: 3 });
    expect((await lines(logDir)).map(({ key }) => key)).toEqual(['a', 'c', 'd']);
    await withStore({ ...halt, logDir }, async (store) => {
      expect(await scanText(store)).toEqual({ a: '1', c: '3', d: '3' });
    });
  });

  it('that lost a closed file to a cut at its very beginning reports it', async () => {
    const logDir = await scratch.directory();
    await withStore({ ...wrap, logDir }, async (store) => {
      for (let i = 0; i < 12; i++) await store.put(`k${i}`, 'x'.repeat(40));
    });
    const files = (await readdir(partitionOf(logDir))).filter((name) => name.endsWith('.keys'));
    const left = files[0]!.replace('.keys', '');
    await truncate(join(partitionOf(logDir), left), 0);
    await withStore({ ...wrap, logDir }, async (store) => {
      expect((await store.info()).details.damaged_ranges).toMatchObject([
        { reason: 'the file is shorter than it was' },
      ]);
    });
    expect((await verified(logDir)).clean).toBe(false);
  });

  it('is backed up while it is written, and exported as terms', async () => {
    const logDir = await scratch.directory();
    const base = await scratch.directory();
    const target = join(partitionOf(base));
    await withStore({ ...wrap, logDir }, async (store) => {
      for (let i = 0; i < 12; i++) await store.put(`k${i}`, `v${i}`);
      await backupLogs(partitionOf(logDir), target);
      await store.put('later', 'x');
    });
    await withStore({ ...wrap, logDir: base, repair: false }, async (store) => {
      const keys = Object.keys(await scanText(store));
      expect(keys).toContain('k11');
      expect(keys).not.toContain('later');
      await store.batch([
        { type: 'put', key: 'a', value: Buffer.from([255]) },
        { type: 'delete', key: 'k11' },
      ]);
    });
    const snapshot = await LogSnapshot.open(target);
    const exported = await scratch.directory();
    await exportLog(snapshot, join(partitionOf(exported)));
    const dumped: string[] = [];
    for await (const step of dumpLog(snapshot)) {
      if (step.type === 'entry') dumped.push(`${step.entry.key.toString()}@${step.entry.timestamp}`);
    }
    await snapshot.close();
    await withStore({ ...wrap, format: 'internal', logDir: exported, repair: false }, async (store) => {
      const entries = await logEntries(store);
      expect(entries.map(({ key, timestamp }) => `${key.toString()}@${timestamp}`)).toEqual(dumped);
      expect(await store.get('a')).toEqual(Buffer.from([255]));
      expect(await store.exists('k11')).toBe(false);
    });
  });
});

it('an empty log of JSON lines is backed up as a closed log', async () => {
  const logDir = await scratch.directory();
  const base = await scratch.directory();
  await withStore({ ...halt, logDir }, () => backupLogs(partitionOf(logDir), partitionOf(base)));
  await withStore({ ...halt, logDir: base, repair: false }, async (store) => {
    expect(await scanText(store)).toEqual({});
  });
});

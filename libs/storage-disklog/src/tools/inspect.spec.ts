import { appendFile, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  GOLDEN,
  logEntries,
  partitionOf,
  Scratch,
  snapshot,
  withStore,
} from '../__fixtures__/directories.js';
import { dumpLog, type DumpOptions, entryToJson, LogSnapshot, repairLog, verifyLog } from './index.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

const T = 1_700_000_000_000;

async function dump(directory: string, options?: DumpOptions) {
  const log = await LogSnapshot.open(directory);
  const entries: ReturnType<typeof entryToJson>[] = [];
  const damage: string[] = [];
  let torn = 0;
  try {
    for await (const step of dumpLog(log, options)) {
      if (step.type === 'entry') entries.push(entryToJson(step.entry));
      else if (step.type === 'damage') damage.push(step.damage.reason);
      else torn += step.bytes;
    }
  } finally {
    await log.close();
  }
  return { keys: entries.map(({ key }) => key), entries, damage, torn };
}

async function verify(directory: string) {
  const log = await LogSnapshot.open(directory);
  try {
    return await verifyLog(log);
  } finally {
    await log.close();
  }
}

const keys = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `key${from + i}`);
const golden = (name: string) => join(GOLDEN, name);

/** A closed wrap log of four files that has wrapped. */
async function wrapLog(puts = 200): Promise<string> {
  const logDir = await scratch.directory();
  await withStore({ logDir, maxNoBytes: 1500, maxNoFiles: 4, sync: 'os' }, async (store) => {
    for (let i = 1; i <= puts; i++) await store.put(`key${i}`, `value-${i}`);
  });
  return partitionOf(logDir);
}

async function flip(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[offset]! ^= 0x40;
  await writeFile(path, bytes);
}

describe('dumping', () => {
  it.each([
    ['halt_closed', keys(1, 8), 0],
    ['halt_open', keys(1, 8), 0],
    ['halt_torn', keys(1, 7), 43],
    ['halt_zero_tail', keys(1, 8), 0],
    ['wrap_partly_filled', keys(1, 8), 0],
    ['wrap_wrapped', keys(29, 40), 0],
    ['wrap_open', keys(29, 40), 0],
  ])('%s in log order, changing nothing', async (name, expected, torn) => {
    const before = await snapshot(golden(name));
    const dumped = await dump(golden(name));
    expect(dumped.keys).toEqual(expected);
    expect(dumped.damage).toEqual([]);
    expect(dumped.torn > 0).toBe(torn > 0);
    expect(await snapshot(golden(name))).toEqual(before);
  });

  it('tells deletions, terms and bytes apart', async () => {
    const deletions = await dump(golden('halt_tombstones'));
    expect(deletions.entries.slice(2)).toEqual([
      { key: 'key1', deleted: true, timestamp: T + 3 },
      { key: 'key1', value: 'new_value', timestamp: T + 4 },
      { key: 'key2', deleted: true, timestamp: T + 5 },
    ]);
    const terms = await dump(golden('halt_any_terms'));
    expect(terms.entries.find(({ key }) => key === 'tuple')?.value_term).toEqual(['ok', 1, 'x']);
    const logDir = await scratch.directory();
    await withStore({ logDir }, (store) => store.put(Buffer.from([0xff]), Buffer.from([0xfe])));
    expect((await dump(partitionOf(logDir))).entries[0]).toMatchObject({
      key_base64: '/w==',
      value_base64: '/g==',
    });
  });

  it('finds the order of the files without log.idx', async () => {
    const erlang = join(await scratch.golden('wrap_wrapped'), 'golden', 'partition_0');
    await rm(join(erlang, 'log.idx'));
    expect((await dump(erlang)).keys).toEqual(keys(29, 40));
    const ours = await wrapLog();
    const expected = (await dump(ours)).keys;
    await writeFile(join(ours, 'log.idx'), 'damaged');
    expect((await dump(ours)).keys).toEqual(expected);
  });

  it('limits and filters', async () => {
    const directory = await wrapLog();
    const all = (await dump(directory)).keys;
    expect((await dump(directory, { limit: 3 })).keys).toEqual(all.slice(0, 3));
    expect((await dump(directory, { prefix: Buffer.from('key3') })).keys).toEqual(
      all.filter((key) => key!.startsWith('key3')),
    );
    expect((await dump(directory, { fromKey: Buffer.from('key4') })).keys).toEqual(
      all.filter((key) => key! >= 'key4'),
    );
  });

  it('reads a log that is open, without a lock', async () => {
    const logDir = await scratch.directory();
    await withStore({ logDir }, async (store) => {
      await store.put('a', '1');
      const log = await LogSnapshot.open(partitionOf(logDir));
      expect(log.owner).toBe(process.pid);
      await log.close();
      expect(await dump(partitionOf(logDir))).toMatchObject({ keys: ['a'], damage: [], torn: 0 });
      await store.put('b', '2');
    });
  });
});

describe('verifying', () => {
  it.each(['halt_closed', 'halt_torn', 'halt_big_terms', 'wrap_wrapped', 'wrap_open', 'wrap_partly_filled'])(
    '%s is clean',
    async (name) => {
      expect(await verify(golden(name))).toMatchObject({ clean: true });
    },
  );

  it('finds nothing wrong with logs of ours, closed or open', async () => {
    const directory = await wrapLog();
    expect(await verify(directory)).toMatchObject({ clean: true, findings: [] });
    const logDir = await scratch.directory();
    await withStore({ logDir, maxNoBytes: 1500, maxNoFiles: 3 }, async (store) => {
      for (let i = 0; i < 60; i++) await store.put(`k${i}`, 'v'.repeat(50));
      expect(await verify(partitionOf(logDir))).toMatchObject({ clean: true, openIn: process.pid });
    });
  });

  it('finds every flipped bit of a closed log file', async () => {
    const logDir = await scratch.directory();
    await withStore({ logDir, logType: 'halt' }, async (store) => {
      for (let i = 0; i < 3; i++) await store.put(`key${i}`, 'x');
    });
    const path = join(partitionOf(logDir), 'log');
    const { length } = await readFile(path);
    // The four bytes of the status say only how the log was left.
    for (let offset = 8; offset < length; offset++) {
      await flip(path, offset);
      const { clean, findings } = await verify(partitionOf(logDir));
      expect({ offset, clean }).toEqual({ offset, clean: false });
      expect(findings.some(({ file }) => file === path)).toBe(true);
      await flip(path, offset);
    }
    expect((await verify(partitionOf(logDir))).clean).toBe(true);
  });

  it('names file, offset and neighbours of damage', async () => {
    const directory = await wrapLog();
    await flip(join(directory, 'log.2'), 200);
    const { findings } = await verify(directory);
    const [damage] = findings.filter(({ severity }) => severity === 'damage');
    expect(damage).toMatchObject({ file: join(directory, 'log.2'), reason: 'checksum mismatch' });
    expect(damage!.offset! <= 200 && damage!.offset! + damage!.length! > 200).toBe(true);
    expect(damage!.sequenceAfter).toBe(damage!.sequenceBefore! + 2);
  });

  it.each([
    ['a missing file', (d: string) => rm(join(d, 'log.4')), /1 file\(s\) missing/],
    ['a file cut between items', async (d: string) => cutLastItem(join(d, 'log.2')), /shorter than it was/],
    ['a missing log.idx', (d: string) => rm(join(d, 'log.idx')), /missing/],
    ['a wrong log.siz', (d: string) => writeFile(join(d, 'log.siz'), 'x'), /not a size file/],
    ['a rotten log.end', (d: string) => flip(join(d, 'log.end'), 20), /log end/],
    ['a rotten key index', (d: string) => flip(join(d, 'log.1.keys'), 60), /block or Bloom/],
  ])('finds %s', async (_what, harm, reason) => {
    const directory = await wrapLog();
    await harm(directory);
    const { clean, findings } = await verify(directory);
    expect(clean).toBe(false);
    expect(findings.map((finding) => finding.reason).join('\n')).toMatch(reason);
  });

  it('survives meaningless bytes', async () => {
    const logDir = await scratch.directory();
    const directory = partitionOf(logDir);
    await withStore({ logDir, logType: 'halt' }, (store) => store.put('a', 'b'));
    const head = (await readFile(join(directory, 'log'))).subarray(0, 8);
    const huge = Buffer.from([0x7f, 0xff, 0xff, 0xf0, 0x62, 0x57, 0x4c, 0x41]);
    const legacy = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0c, 0x21, 0x2c, 0x37]);
    for (const bytes of [huge, legacy, Buffer.alloc(5000, 7), Buffer.concat([legacy, huge, huge])]) {
      await writeFile(join(directory, 'log'), Buffer.concat([head, bytes]));
      expect((await verify(directory)).clean).toBe(false);
      expect((await dump(directory)).damage.length).toBeGreaterThan(0);
    }
  });
});

async function cutLastItem(path: string): Promise<void> {
  const bytes = await readFile(path);
  await truncate(path, bytes.lastIndexOf('bWLA') - 4);
}

describe('repairing', () => {
  it.each([
    ['a flipped bit', (d: string) => flip(join(d, 'log.2'), 200)],
    [
      'several of them',
      async (d: string) => {
        for (const [file, at] of [
          ['log.1', 100],
          ['log.1', 500],
          ['log.3', 90],
        ] as const)
          await flip(join(d, file), at);
      },
    ],
    [
      'a destroyed head',
      async (d: string) => {
        const file = await open(join(d, 'log.2'), 'r+');
        await file.write(Buffer.alloc(8), 0, 8, 0);
        await file.close();
      },
    ],
    ['the newest file missing', (d: string) => rm(join(d, 'log.2'))],
    ['a missing file', (d: string) => rm(join(d, 'log.4'))],
    ['a file cut between items', (d: string) => cutLastItem(join(d, 'log.2'))],
    ['a missing log.idx', (d: string) => rm(join(d, 'log.idx'))],
    ['a missing log.siz', (d: string) => rm(join(d, 'log.siz'))],
    ['a rotten log.end', (d: string) => flip(join(d, 'log.end'), 20)],
    ['a rotten key index', (d: string) => flip(join(d, 'log.1.keys'), 60)],
    ['a tail of rubbish', (d: string) => appendFile(join(d, 'log.1'), 'rubbish')],
  ])('%s: every good item stays, the log is clean and opens without damage', async (_what, harm) => {
    const directory = await wrapLog();
    await harm(directory);
    const before = await dump(directory);
    expect((await verify(directory)).clean).toBe(false);
    const dry = await snapshot(directory);
    expect((await repairLog(directory, { dryRun: true })).after.clean).toBe(false);
    expect(await snapshot(directory)).toEqual(dry);

    const report = await repairLog(directory);
    expect(report.after.findings.filter(({ severity }) => severity === 'damage')).toEqual([]);
    const after = await dump(directory);
    expect(after.damage).toEqual([]);
    expect(after.entries).toEqual(before.entries);
    for (const { file, copy } of report.rewritten) {
      const name = file.split('/').pop()!;
      expect((await readFile(copy)).equals(dry[name]!)).toBe(true);
    }
    const logDir = join(directory, '..', '..');
    await withStore({ logDir, maxNoBytes: 1500, maxNoFiles: 4 }, async (store) => {
      expect((await store.info()).details.damaged_ranges).toEqual([]);
      expect((await logEntries(store)).map(({ key }) => key.toString())).toEqual(before.keys);
      await store.put('after', 'x');
    });
    expect((await verify(directory)).clean).toBe(true);
    expect((await dump(directory)).keys.at(-1)).toBe('after');
  });

  it('cuts a torn tail, with a copy', async () => {
    const directory = join(await scratch.golden('halt_torn'), 'golden', 'partition_0');
    const report = await repairLog(directory);
    expect(report.cutBytes).toBeGreaterThan(0);
    expect((await dump(directory)).keys).toEqual(keys(1, 7));
    expect(
      (await readFile(report.rewritten[0]!.copy)).equals(await readFile(join(golden('halt_torn'), 'log'))),
    ).toBe(true);
    expect((await repairLog(directory)).rewritten).toEqual([]);
  });

  it('does not touch a sound log', async () => {
    const directory = await wrapLog();
    const before = await snapshot(directory);
    expect((await repairLog(directory)).rewritten).toEqual([]);
    const after = await snapshot(directory);
    delete before['log.lock'];
    delete after['log.lock'];
    expect(after).toEqual(before);
  });

  it('refuses a log that is open', async () => {
    const logDir = await scratch.directory();
    await withStore({ logDir }, async (store) => {
      await store.put('a', '1');
      await expect(repairLog(partitionOf(logDir))).rejects.toMatchObject({ code: 'LOCKED' });
    });
  });
});

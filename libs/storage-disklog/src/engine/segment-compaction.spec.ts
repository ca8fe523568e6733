import { readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { StoreEvent } from '@genrocks/storage';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Scratch } from '../__fixtures__/directories.js';
import { fastFileSystem } from '../__fixtures__/recording-file-system.js';
import { internalFormat } from '../format/internal-format.js';
import { LogDirectory } from './log-directory.js';
import type { LogFile } from './log-file.js';
import { LogView } from './log-view.js';
import { LogWriter } from './log-writer.js';
import { LogNames } from './names.js';
import { SegmentCompaction } from './segment-compaction.js';

const scratch = new Scratch();
afterAll(() => scratch.clear());

type Write = readonly [key: string, value: string | undefined];

/** A compact log without a store around it, which rotates and merges segments on command. */
class Log {
  readonly events: StoreEvent[] = [];
  private log!: LogDirectory;
  private writer!: LogWriter;
  private readonly names: LogNames;

  private constructor(directory: string) {
    this.names = new LogNames(directory).asSegmented();
  }

  static async open(directory: string, told: (event: StoreEvent) => void = () => {}): Promise<Log> {
    const log = new Log(directory);
    const { events } = log;
    const onEvent = (event: StoreEvent) => {
      events.push(event);
      told(event);
    };
    log.log = await LogDirectory.open(fastFileSystem, log.names, {
      type: 'compact',
      format: internalFormat,
      maxBytes: Infinity,
      maxFiles: 1,
      repair: 'truncate',
      durable: false,
      base: directory,
      onEvent,
    });
    log.writer = new LogWriter(log.log, log.log.sequence, {
      name: directory,
      format: internalFormat,
      sync: 'os',
      syncIntervalMs: 100,
      rotateAt: Infinity,
      maxBytes: Infinity,
      onEvent,
    });
    return log;
  }

  async write(writes: readonly Write[]): Promise<void> {
    await this.writer.append(
      writes.map(([key, value]) => ({
        key: Buffer.from(key),
        value: value === undefined ? undefined : Buffer.from(value),
      })),
    );
  }

  leave(): Promise<void> {
    return this.writer.exclusive(() => this.log.rotate(this.writer.lastSequence));
  }

  /** Resolves when every closed segment has its index, which is built in the background. */
  indexed(): Promise<void> {
    return this.log.left.settled();
  }

  merge(options: { segmentBytes: number; keysAtOnce?: number }): Promise<boolean> {
    const { log, writer } = this;
    const all = { ...options, isStopped: () => false };
    return new SegmentCompaction(log, log.maker, log.segments!, writer, all).run();
  }

  /** Keys of the closed segments, oldest first, tombstones with a `-`. */
  get segments(): string[] {
    return this.log.files.slice(0, -1).map(({ keys }) =>
      keys
        .page('', undefined, false, 1000)
        .map(([key, slot]) => (slot.deleted ? `-${key}` : key))
        .join(' '),
    );
  }

  get left(): readonly LogFile[] {
    return this.log.files.slice(0, -1);
  }

  get numbers(): number[] {
    return this.left.map(({ number }) => number);
  }

  indexOf(number: number): string {
    return this.names.keyIndex(number);
  }

  async contents(): Promise<{ live: Record<string, string>; log: string[] }> {
    const view = new LogView(this.log, () => {});
    const live: Record<string, string> = {};
    const range = { lower: '', upper: undefined, reverse: false, limit: Infinity, maxBytes: Infinity };
    for await (const page of view.scan(range, {})) {
      for (const { key, value } of page) live[key.toString()] = value.toString();
    }
    const log: string[] = [];
    for await (const page of view.readLog(Infinity, false)) {
      for (const entry of page)
        log.push(`${entry.key.toString()}${entry.type === 'put' ? `=${entry.value.toString()}` : '-'}`);
    }
    return { live, log };
  }

  async close(): Promise<void> {
    this.writer.stop();
    await this.log.close(this.writer.lastSequence);
  }
}

async function newLog(): Promise<Log> {
  return Log.open(await scratch.directory());
}

/** The newest entry of each key, in the order in which these were written. */
function expected(writes: readonly Write[]): { live: Record<string, string>; log: string[] } {
  const newest = new Map<string, string | undefined>();
  for (const [key, value] of writes) {
    newest.delete(key);
    newest.set(key, value);
  }
  const kept = [...newest].filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { live: Object.fromEntries(kept), log: kept.map(([key, value]) => `${key}=${value}`) };
}

/**
 * How much of a segment is needed is estimated before a merge, so the next merge may still join an output that turned
 * out smaller. If nothing is written between them, every merge must leave fewer segments, or all as they are.
 */
async function joinUntilNothingChanges(log: Log, segmentBytes: number): Promise<void> {
  for (;;) {
    const { numbers } = log;
    await log.merge({ segmentBytes });
    if (log.numbers.join() === numbers.join()) return;
    expect(log.numbers.length).toBeLessThan(numbers.length);
  }
}

describe('merging segments', () => {
  const key = fc.integer({ min: 0, max: 25 }).map((n) => 'k'.repeat(1 + (n % 3)) + String(n));
  const item = fc.array(fc.tuple(key, fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 4 });
  const segment = fc.array(item, { minLength: 1, maxLength: 6 });

  it('leaves what a Map would hold, in log order, whatever the segments and the size of a join', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(segment, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
        fc.constantFrom(60, 200, 1000, 100_000),
        fc.constantFrom(1, 7, 30, undefined),
        async (rounds, segmentBytes, keysAtOnce) => {
          const directory = await scratch.directory();
          const log = await Log.open(directory);
          const written: Write[] = [];
          let counter = 0;
          for (const segments of rounds) {
            for (const items of segments) {
              for (const one of items) {
                const writes = one.map(([name, kind]): Write => [
                  name,
                  kind === 0 ? undefined : `${counter++}`,
                ]);
                await log.write(writes);
                written.push(...writes);
              }
              await log.leave();
            }
            await log.merge({ segmentBytes, ...(keysAtOnce === undefined ? {} : { keysAtOnce }) });
            expect(await log.contents()).toEqual(expected(written));
          }
          await joinUntilNothingChanges(log, segmentBytes);
          await log.close();
          const again = await Log.open(directory);
          expect(await again.contents()).toEqual(expected(written));
          await again.close();
        },
      ),
      { numRuns: 20 },
    );
  });

  it('touches no segment that is needed whole, and joins small neighbours', async () => {
    const log = await newLog();
    const big = 'x'.repeat(400);
    for (const name of ['a', 'b', 'c', 'd']) {
      await log.write([
        [name, big],
        [`${name}2`, big],
      ]);
      await log.leave();
    }
    await log.write([['b', big]]);
    await log.leave();
    const [a, , c, d] = log.numbers;
    await log.merge({ segmentBytes: 1000 });
    expect(log.segments).toEqual(['a a2', 'b2', 'c c2', 'd d2', 'b']);
    expect(log.numbers.filter((number) => [a, c, d].includes(number))).toEqual([a, c, d]);
    await log.write([
      ['c', undefined],
      ['c2', undefined],
    ]);
    await log.leave();
    await log.merge({ segmentBytes: 1000 });
    expect(log.segments).toEqual(['a a2', 'b2', 'd d2', 'b']);
    await log.close();
  });

  it('keeps a tombstone whose value is not merged yet when damage ends the compaction', async () => {
    const directory = await scratch.directory();
    const log = await Log.open(directory);
    await log.write([
      ['gone', '1'],
      ['old', '1'],
    ]);
    await log.leave();
    await log.write([
      ['rotten', 'a value of some length'],
      ['old', '2'],
      ['other', '2'],
    ]);
    await log.leave();
    await log.write([
      ['gone', undefined],
      ['old', undefined],
      ['rotten', '2'],
    ]);
    await log.leave();
    const rotten = join(directory, `log.c${log.numbers[1]!}`);
    const bytes = await readFile(rotten);
    bytes[bytes.indexOf('some')]! ^= 1;
    await writeFile(rotten, bytes);
    await expect(log.merge({ segmentBytes: 1 })).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
    // Nothing in the oldest segment was needed, and it is gone.
    expect(log.segments).toEqual(['old other rotten', '-gone -old rotten']);
    await log.close();
  });

  it('does not skip a damaged segment, which may hold what a later tombstone hides', async () => {
    const directory = await scratch.directory();
    const first = await Log.open(directory);
    await first.write([['whole', '1']]);
    await first.leave();
    await first.write([['hidden', 'a value of some length']]);
    await first.write([['other', '1']]);
    await first.leave();
    await first.write([['hidden', undefined]]);
    await first.leave();
    const damaged = first.numbers[1]!;
    await first.close();
    const bytes = await readFile(join(directory, `log.c${damaged}`));
    bytes[bytes.indexOf('some')]! ^= 1;
    await writeFile(join(directory, `log.c${damaged}`), bytes);
    await unlink(join(directory, `log.c${damaged}.keys`));
    const log = await Log.open(directory);
    expect(log.segments).toEqual(['whole', 'other', '-hidden']);
    await expect(log.merge({ segmentBytes: 1 })).rejects.toMatchObject({ code: 'LOG_CORRUPT' });
    expect(log.segments).toEqual(['whole', 'other', '-hidden']);
    await log.close();
  });

  it('rebuilds a damaged index and continues', async () => {
    const log = await newLog();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 300; i++) await log.write([[`k${i}`, `${round}`]]);
      await log.leave();
    }
    await log.merge({ segmentBytes: 100 });
    await log.write([['k7', undefined]]);
    await log.leave();
    const path = log.indexOf(log.numbers[0]!);
    const index = await readFile(path);
    index[200]! ^= 1;
    await writeFile(path, index);
    await log.merge({ segmentBytes: 100_000 });
    expect(log.events.filter(({ type }) => type === 'indexed')).toHaveLength(1);
    const { live } = await log.contents();
    expect(Object.keys(live)).toHaveLength(299);
    expect(new Set(Object.values(live))).toEqual(new Set(['2']));
    await log.close();
  });

  it('releases each segment as soon as it is merged, and lets the event loop turn', async () => {
    const directory = await scratch.directory();
    const released: number[] = [];
    const log = await Log.open(directory, ({ type }) => {
      if (type === 'compacted') released.push(inputs.filter(({ isReleased }) => isReleased).length);
    });
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < 20; j++) {
        await log.write([
          [`k${j}`, `${i}`],
          [`own ${i} ${j}`, 'x'.repeat(100)],
        ]);
      }
      await log.leave();
    }
    const inputs = log.left;
    await log.indexed();
    const before = (await readdir(directory)).length;
    let most = 0;
    let turns = 0;
    let isDone = false;
    const watch = async () => {
      while (!isDone) {
        most = Math.max(most, (await readdir(directory)).length);
        turns++;
        await turn();
      }
    };
    const merging = log.merge({ segmentBytes: 10_000 }).finally(() => (isDone = true));
    await Promise.all([merging, watch()]);
    expect(released).toEqual([0, 3, 6]);
    // The merged segment, its index, and the list under its temporary name.
    expect(most).toBeLessThanOrEqual(before + 3);
    expect(turns).toBeGreaterThan(8);
    await log.close();
  });
});

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartitionStore, StoreEvent } from '@genrocks/storage';
import { type DiskLogOptions, DiskLogStorageAdapter } from '../index.js';
import { crashState, type Policy, writeState } from './crash-states.js';
import { copyOpenLog, partitionOf, type Scratch } from './directories.js';
import {
  contentsOf,
  crashProblem,
  type Limits,
  type Operation,
  perform,
  type Write,
} from './expected-log.js';
import type { Random } from './random.js';
import { type Change, fastFileSystem, RecordingFileSystem } from './recording-file-system.js';

/** A run of a store whose every change was recorded. */
export interface Recording {
  readonly name: string;
  readonly options: DiskLogOptions & Limits;
  readonly compacted: boolean;
  readonly changes: readonly Change[];
  readonly operations: readonly Operation[];
  /** How many changes had been issued when an operation began, and when it was acknowledged. */
  readonly begun: readonly number[];
  readonly acknowledged: readonly number[];
}

export class Recorder {
  store!: PartitionStore;
  private readonly operations: Operation[] = [];
  private readonly begun: number[] = [];
  private readonly acknowledged: number[] = [];
  private readonly adapters: DiskLogStorageAdapter[] = [];
  private readonly fs: RecordingFileSystem;
  private counter = 0;

  private constructor(
    private readonly scratch: Scratch,
    private logDir: string,
    private readonly options: DiskLogOptions & Limits,
    readonly random: Random,
  ) {
    this.fs = new RecordingFileSystem(partitionOf(logDir));
  }

  static async start(scratch: Scratch, options: DiskLogOptions & Limits, random: Random): Promise<Recorder> {
    const recorder = new Recorder(scratch, await scratch.directory(), options, random);
    await recorder.open();
    return recorder;
  }

  /** Issues operations at once and waits for all of them. */
  async run(...operations: Operation[]): Promise<void> {
    await Promise.all(
      operations.map(async (operation) => {
        const index = this.operations.push(operation) - 1;
        this.begun[index] = this.fs.changes.length;
        await perform(this.store, operation);
        this.acknowledged[index] = this.fs.changes.length;
      }),
    );
  }

  /** `count` writes by random, each with a value of its own: single ones, deletions, batches. */
  writes(count: number, size = 60): Operation[] {
    return Array.from({ length: count }, () => {
      const length = this.random.chance(0.2) ? 1 + this.random.int(5) : 1;
      return { type: 'write', writes: Array.from({ length }, () => this.write(size)) };
    });
  }

  async reopen(): Promise<void> {
    await this.adapters.at(-1)!.close();
    await this.open();
  }

  /** The process dies; what it wrote stays in the page cache, where the next one finds it. */
  async kill(): Promise<void> {
    const copy = await this.scratch.directory();
    copyOpenLog(this.logDir, copy);
    this.logDir = copy;
    this.fs.moveTo(partitionOf(copy));
    await this.open();
  }

  async finish(name: string, compacted: boolean): Promise<Recording> {
    const { options, operations, begun, acknowledged } = this;
    const changes = this.fs.changes.slice();
    // Those that were killed have lost their files; closing them only frees descriptors.
    for (const adapter of this.adapters) await adapter.close().catch(() => undefined);
    return { name, options, compacted, changes, operations, begun, acknowledged };
  }

  private async open(): Promise<void> {
    const adapter = new DiskLogStorageAdapter({ ...this.options, logDir: this.logDir }, this.fs);
    this.adapters.push(adapter);
    this.store = await adapter.open('t', 0);
  }

  private write(size: number): Write {
    const key = `k${this.random.int(12)}`;
    const value = `${++this.counter}${'.'.repeat(this.random.int(size))}`;
    return this.random.chance(0.2) ? { key: `${key}#${this.counter}`, value: undefined } : { key, value };
  }
}

/** Opens the state that a crash at a moment left, and answers what is wrong with it, or undefined. */
export async function stateProblem(
  recording: Recording,
  moment: number,
  policy: Policy,
  random: Random,
  logDir: string,
): Promise<string | undefined> {
  const { options, operations, begun, acknowledged } = recording;
  const attempted = begun.filter((at) => at <= moment).length;
  // A torn write is still on its way, so nothing was acknowledged for it.
  const resolved = policy === 'last torn' ? moment - 1 : moment;
  let safe = 0;
  while ((acknowledged[safe] ?? Infinity) <= resolved) safe++;
  const files = crashState(recording.changes, moment, policy, random);
  await writeState(files, partitionOf(logDir));
  const events: StoreEvent[] = [];
  try {
    const first = await open(options, logDir, events);
    const contents = await contentsOf(first.store);
    const damage = events.find(({ type }) => type === 'damaged');
    if (damage !== undefined) return `a crash was taken for damage: ${JSON.stringify(damage)}`;
    const problem = crashProblem(
      contents,
      operations.slice(0, attempted),
      safe,
      options,
      recording.compacted,
    );
    if (problem !== undefined) return problem;
    await first.store.put('~after', 'x');
    // The process dies once more, so that what it left of the first crash is met again.
    const copy = `${logDir}.copy`;
    copyOpenLog(logDir, copy);
    await first.close();
    const later: StoreEvent[] = [];
    const second = await open(options, copy, later);
    const { live } = await contentsOf(second.store);
    await second.close();
    await rm(copy, { recursive: true, force: true });
    if (later.some((event) => event.type === 'damaged' || (event.type === 'recovered' && event.badBytes > 0)))
      return 'the recovery left something behind';
    return live.at(-1)?.[0] === '~after' ? undefined : 'what was written after the crash is gone';
  } catch (error) {
    return `${String(error)}\n${(error as Error).stack}`;
  } finally {
    await rm(join(logDir, 't'), { recursive: true, force: true });
  }
}

async function open(options: DiskLogOptions, logDir: string, events: StoreEvent[]) {
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fastFileSystem);
  const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
  return { store, close: () => adapter.close() };
}

type Scenario = (recorder: Recorder) => Promise<void>;

const wrap = { logType: 'wrap', maxNoBytes: 700, maxNoFiles: 3 } as const;
const halt = { logType: 'halt', maxNoBytes: 1 << 20, maxNoFiles: 1 } as const;
const lines = { ...halt, format: 'external' } as const;
const wrappedLines = { ...wrap, maxNoBytes: 1400, format: 'external' } as const;
const compactLines = { ...halt, logType: 'compact', format: 'external' } as const;
const segments = { ...halt, logType: 'compact', maxNoBytes: 900 } as const;
const segmentsOfLines = { ...segments, maxNoBytes: 1800, format: 'external' } as const;
const compact = { logType: 'compact', maxNoBytes: 1 << 20, maxNoFiles: 1 } as const;

/** What is recorded: every operation that changes files, crossed with kills and reopens. */
export const scenarios: {
  name: string;
  options: Omit<DiskLogOptions, 'maxNoBytes'> & Limits;
  compacted?: boolean;
  run: Scenario;
}[] = [
  {
    name: 'halt: creation, groups of many writers, a large item, close, reopen',
    options: halt,
    async run(recorder) {
      for (let i = 0; i < 6; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(8)));
      await recorder.run(...recorder.writes(3, 3000));
      await recorder.reopen();
      await recorder.run(...recorder.writes(4, 70_000));
      await recorder.run(...recorder.writes(4));
    },
  },
  {
    name: 'halt: space filled with zeros ahead of the end',
    options: halt,
    async run(recorder) {
      for (let i = 0; i < 8; i++) await recorder.run(...recorder.writes(6, 9000));
      await recorder.kill();
      await recorder.run(...recorder.writes(6, 9000));
    },
  },
  {
    name: 'wrap: rotations, several rounds',
    options: wrap,
    async run(recorder) {
      for (let i = 0; i < 14; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(4)));
      await recorder.reopen();
      for (let i = 0; i < 4; i++) await recorder.run(...recorder.writes(3));
    },
  },
  {
    name: 'wrap: kills among rotations, then a power cut',
    options: wrap,
    async run(recorder) {
      for (let i = 0; i < 5; i++) {
        await recorder.run(...recorder.writes(1 + recorder.random.int(9)));
        await recorder.kill();
      }
      await recorder.run(...recorder.writes(5));
    },
  },
  {
    name: 'wrap: truncations among writes',
    options: wrap,
    async run(recorder) {
      await recorder.run(...recorder.writes(12));
      await recorder.run(...recorder.writes(2), { type: 'truncate' }, ...recorder.writes(3));
      await recorder.run({ type: 'truncate' });
      await recorder.reopen();
      await recorder.run(...recorder.writes(9));
      await recorder.run({ type: 'truncate' });
      await recorder.kill();
      await recorder.run(...recorder.writes(2));
    },
  },
  {
    name: 'halt: truncations among writes',
    options: halt,
    async run(recorder) {
      await recorder.run(...recorder.writes(5));
      await recorder.run({ type: 'truncate' });
      await recorder.run(...recorder.writes(2));
      await recorder.kill();
      await recorder.run(...recorder.writes(2), { type: 'truncate' }, ...recorder.writes(2));
    },
  },
  {
    name: 'compact: compactions among writes, kills',
    options: compact,
    compacted: true,
    async run(recorder) {
      await recorder.run(...recorder.writes(20));
      await recorder.run({ type: 'optimize' });
      await recorder.run(...recorder.writes(4), { type: 'optimize' }, ...recorder.writes(4));
      await recorder.kill();
      await recorder.run(...recorder.writes(4));
      await recorder.run({ type: 'optimize' });
      await recorder.run(...recorder.writes(2), { type: 'truncate' }, { type: 'optimize' });
      await recorder.run(...recorder.writes(3));
    },
  },
  {
    name: 'JSON lines: halt, groups of many writers, large items, closings and kills',
    options: lines,
    async run(recorder) {
      for (let i = 0; i < 5; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(8)));
      await recorder.run(...recorder.writes(3, 3000));
      await recorder.reopen();
      await recorder.run(...recorder.writes(4, 70_000));
      await recorder.kill();
      await recorder.run(...recorder.writes(4));
      await recorder.run({ type: 'truncate' });
      await recorder.run(...recorder.writes(3));
    },
  },
  {
    name: 'JSON lines: wrap, rotations and kills',
    options: wrappedLines,
    async run(recorder) {
      for (let i = 0; i < 10; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(4)));
      await recorder.reopen();
      for (let i = 0; i < 4; i++) {
        await recorder.run(...recorder.writes(1 + recorder.random.int(5)));
        await recorder.kill();
      }
      await recorder.run({ type: 'truncate' });
      for (let i = 0; i < 4; i++) await recorder.run(...recorder.writes(3));
    },
  },
  {
    name: 'JSON lines: compactions among writes',
    options: compactLines,
    compacted: true,
    async run(recorder) {
      await recorder.run(...recorder.writes(20));
      await recorder.run({ type: 'optimize' });
      await recorder.run(...recorder.writes(4), { type: 'optimize' }, ...recorder.writes(4));
      await recorder.kill();
      await recorder.run(...recorder.writes(4));
      // A smaller file is in the place of the one that was closed.
      await recorder.reopen();
      await recorder.run({ type: 'optimize' });
      for (let i = 0; i < 3; i++) await recorder.run(...recorder.writes(2, 900));
    },
  },
  {
    name: 'compact in segments: rotations, compactions by themselves and asked for, kills, truncations',
    options: segments,
    compacted: true,
    run: runSegments,
  },
  {
    name: 'compact in segments: keys of which some are overwritten and some deleted, merged group by group',
    options: segments,
    compacted: true,
    run: runGroups,
  },
  {
    name: 'compact in segments of JSON lines',
    options: segmentsOfLines,
    compacted: true,
    run: runSegments,
  },
];

async function runSegments(recorder: Recorder): Promise<void> {
  for (let i = 0; i < 12; i++) await recorder.run(...recorder.writes(1 + recorder.random.int(6)));
  await recorder.run({ type: 'optimize' });
  await recorder.run(...recorder.writes(4), { type: 'optimize' }, ...recorder.writes(8));
  await recorder.reopen();
  for (let i = 0; i < 6; i++) await recorder.run(...recorder.writes(4));
  await recorder.kill();
  await recorder.run(...recorder.writes(6));
  await recorder.run({ type: 'optimize' });
  await recorder.run(
    ...recorder.writes(4),
    { type: 'truncate' },
    { type: 'optimize' },
    ...recorder.writes(6),
  );
  await recorder.run({ type: 'optimize' });
  await recorder.run(...recorder.writes(3));
}

/** Some segments stay as they are; tombstones stand in later groups than what they hide. */
async function runGroups(recorder: Recorder): Promise<void> {
  const put = (key: string): Operation => ({
    type: 'write',
    writes: [{ key, value: `${key} ${'.'.repeat(70)}` }],
  });
  const drop = (...keys: string[]): Operation => ({
    type: 'write',
    writes: keys.map((key) => ({ key, value: undefined })),
  });
  const cold = Array.from({ length: 30 }, (_, i) => `c${String(i).padStart(2, '0')}`);
  for (let i = 0; i < cold.length; i += 6) await recorder.run(...cold.slice(i, i + 6).map(put));
  await recorder.run(drop('c03', 'c19'), put('c20'), drop('c21'), put('c21'), drop('c29'));
  await recorder.run({ type: 'optimize' });
  await recorder.run(drop('c05'), { type: 'optimize' }, drop('c28', 'c27'), put('c05'));
  await recorder.kill();
  await recorder.run(drop(...cold.slice(6, 20)));
  await recorder.run({ type: 'optimize' });
  await recorder.run(drop(...cold.slice(20)), { type: 'optimize' });
}

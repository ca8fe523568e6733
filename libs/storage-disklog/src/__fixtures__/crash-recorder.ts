import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PartitionStore, StoreEvent } from '@genrocks/storage';
import { segmentNumber } from '../engine/names.js';
import { readSegmentList } from '../engine/segment-list.js';
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

/** A run of a store, with every change recorded. */
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

  /** Issues operations at the same time and waits for all of them. */
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

  /** `count` random writes, each with a unique value: single ones, deletions, batches. */
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

  /** Kills the process; what it wrote stays in the page cache, where the next one finds it. */
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
    // Killed ones have lost their files; closing them only frees descriptors.
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

/** Opens the state that a crash at a moment left, and returns what is wrong with it, or undefined. */
export async function stateProblem(
  recording: Recording,
  moment: number,
  policy: Policy,
  random: Random,
  logDir: string,
): Promise<string | undefined> {
  const { options, operations, begun, acknowledged } = recording;
  const attempted = begun.filter((at) => at <= moment).length;
  // A torn write is still in flight, so it was not acknowledged.
  const resolved = policy === 'last torn' ? moment - 1 : moment;
  let safe = 0;
  // Without a sync, an acknowledgement promises nothing about power cuts. Still, what they leave must not be damage.
  const isDurable = (options.sync ?? 'always') === 'always';
  while (isDurable && (acknowledged[safe] ?? Infinity) <= resolved) safe++;
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
    // The process dies again, so that the next open meets what it left of the first crash.
    const copy = `${logDir}.copy`;
    copyOpenLog(logDir, copy);
    await first.close();
    const later: StoreEvent[] = [];
    const second = await open(options, copy, later);
    const { live } = await contentsOf(second.store);
    await second.close();
    const leftover = await leftoverOf(partitionOf(copy));
    await rm(copy, { recursive: true, force: true });
    if (later.some((event) => event.type === 'damaged' || (event.type === 'recovered' && event.badBytes > 0)))
      return 'the recovery left something behind';
    if (leftover !== undefined) return `${leftover} was not removed`;
    return live.at(-1)?.[0] === '~after' ? undefined : 'what was written after the crash is gone';
  } catch (error) {
    return `${String(error)}\n${(error as Error).stack}`;
  } finally {
    await rm(join(logDir, 't'), { recursive: true, force: true });
  }
}

/** A file that belongs to no log: an interrupted step left it, and the next open should have removed it. */
export async function leftoverOf(directory: string): Promise<string | undefined> {
  const names = await readdir(directory);
  const list = await readFile(join(directory, 'log.segments')).catch(() => undefined);
  const segments = list === undefined ? undefined : readSegmentList(list)?.map(({ number }) => number);
  return names.find((name) => {
    if (/\.new$|^log\.(compacted|truncating)$/.test(name)) return true;
    if (name.endsWith('.keys')) return !names.includes(name.slice(0, -'.keys'.length));
    const number = segmentNumber(name);
    return segments !== undefined && number !== undefined && !segments.includes(number);
  });
}

async function open(options: DiskLogOptions, logDir: string, events: StoreEvent[]) {
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fastFileSystem);
  const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
  return { store, close: () => adapter.close() };
}

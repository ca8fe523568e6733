import { expect } from 'vitest';
import type { PartitionStore, StoreEvent } from '@genrocks/storage';
import { type DiskLogOptions, DiskLogStorageAdapter } from '../index.js';
import { leftoverOf } from './crash-recorder.js';
import { crashState, type Policy, writeState } from './crash-states.js';
import { partitionOf, type Scratch } from './directories.js';
import { contentsOf } from './expected-log.js';
import { Random } from './random.js';
import { type Change, fastFileSystem, RecordingFileSystem } from './recording-file-system.js';

/** What an open finds. */
export interface Found {
  readonly log: readonly string[];
  readonly currentFile: number;
  readonly files: number;
  /** Files whose index was built. */
  readonly indexed: readonly string[];
  /** The log had not been closed. */
  readonly repaired: boolean;
}

/** One operation on a store, and the changes it makes. A moment is a number of changes made so far. */
export class Steps {
  constructor(
    private readonly scratch: Scratch,
    private readonly options: DiskLogOptions,
    private readonly changes: readonly Change[],
    /** The moment before the operation. */
    readonly first: number,
  ) {}

  /** The moment after the first change that matches; it must be the only one of its kind. */
  behind(isStep: (change: Change) => boolean): number {
    const at = this.changes.findIndex((change, i) => i >= this.first && isStep(change));
    expect(at).toBeGreaterThan(0);
    return at + 1;
  }

  /** The moment after the directory sync that makes the names of a moment durable. */
  syncedBehind(moment: number): number {
    const at = this.changes.findIndex((change, i) => i >= moment && change.type === 'syncDirectory');
    return (this.changes[at] as { done: number }).done;
  }

  /** All moments of the operation before a given one, and those from a given one on. */
  before = (moment: number) => range(this.first, moment);
  from = (moment: number, until = this.changes.length + 1) => range(moment, until);

  /** All moments, split after each change that matches. */
  between(isStep: (change: Change) => boolean): number[][] {
    const stretches: number[][] = [[]];
    for (const moment of this.from(this.first)) {
      if (moment > this.first && isStep(this.changes[moment - 1]!)) stretches.push([]);
      stretches.at(-1)!.push(moment);
    }
    return stretches;
  }

  /**
   * What an open finds at a moment: after a kill, which keeps everything, or after a power cut, which keeps what was
   * synced.
   */
  async found(moment: number, policy: Policy = 'all kept', options = this.options): Promise<Found> {
    const logDir = await this.scratch.directory();
    await writeState(crashState(this.changes, moment, policy, new Random(1)), partitionOf(logDir));
    const events: StoreEvent[] = [];
    const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fastFileSystem);
    try {
      const store = await adapter.open('t', 0, { onEvent: (event) => events.push(event) });
      const damaged = events.find(({ type }) => type === 'damaged');
      if (damaged !== undefined) throw new Error(`a crash was taken for damage: ${JSON.stringify(damaged)}`);
      const leftover = await leftoverOf(partitionOf(logDir));
      if (leftover !== undefined) throw new Error(`${leftover} was not removed`);
      const { log } = await contentsOf(store);
      const { details } = await store.info();
      const indexed = events.flatMap((event) => (event.type === 'indexed' ? [nameOf(event.file)] : []));
      const { repaired } = details.last_recovery as { repaired: boolean };
      return {
        log,
        currentFile: details.current_file as number,
        files: details.files as number,
        indexed,
        repaired,
      };
    } finally {
      await adapter.close();
    }
  }
}

/** Records what an operation changes, and the closing of the log after it. */
export async function recordSteps(
  scratch: Scratch,
  options: DiskLogOptions,
  prepare: (store: PartitionStore) => Promise<unknown>,
  operation: (store: PartitionStore) => Promise<unknown>,
): Promise<Steps> {
  const logDir = await scratch.directory();
  const fs = new RecordingFileSystem(partitionOf(logDir));
  const adapter = new DiskLogStorageAdapter({ ...options, logDir }, fs);
  const store = await adapter.open('t', 0);
  await prepare(store);
  const first = fs.changes.length;
  await operation(store);
  await adapter.close();
  return new Steps(scratch, options, fs.changes, first);
}

export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

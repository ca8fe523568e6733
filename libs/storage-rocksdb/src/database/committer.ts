import type { GenRocksError } from '@genrocks/storage';
import type RocksDB from 'rocksdb-native';
import { toStorageError, toSyncError } from './errors.js';
import { type RawWrite, readAll, writeAll } from './native.js';
import { type EntryWrite, StorePlan } from './plan.js';
import { deflateRecord } from './record.js';
import type { StoreState } from './store-state.js';
import type { WalSync } from './wal-sync.js';

/** Waits for its commit: a write, or another task that must keep its place among the writes. */
export type Task =
  | { readonly type: 'write'; readonly state: StoreState; readonly writes: readonly EntryWrite[] }
  | { readonly type: 'truncate'; readonly state: StoreState }
  | { readonly type: 'destroy'; readonly state: StoreState }
  | { readonly type: 'barrier'; readonly state: StoreState }
  | { readonly type: 'raw'; readonly writes: readonly RawWrite[] };

interface Waiting {
  readonly task: Task;
  /** Must it be on stable storage before it resolves? */
  readonly sync: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Commit {
  readonly plans: ReadonlyMap<StoreState, StorePlan>;
  readonly done: Promise<void>;
}

/** Limits of one commit, in entries and bytes. Larger groups would gain nothing from sharing a sync. */
const GROUP_WRITES = 10_000;
const GROUP_BYTES = 16 * 1024 * 1024;

/**
 * Commits the writes of all stores of the database in groups. While one group is written and synced, the next gathers.
 * Each group is one atomic batch and one sync.
 */
export class Committer {
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  private commit: Commit | undefined;
  /** Set when a sync has failed: from then on, memory and device may differ. */
  private failure: GenRocksError | undefined;

  constructor(
    private readonly db: RocksDB,
    private readonly wal: WalSync,
    private readonly what: string,
    private readonly deflate: boolean,
  ) {}

  /** Queues a task. Resolves, in the order of the calls, when it is done and, if `sync` is set, on stable storage. */
  submit(task: Task, sync: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ task, sync, resolve, reject });
      this.running ??= this.run();
    });
  }

  /**
   * Waits for a commit in progress that a reader may have seen (of this key, or of any key). RocksDB shows a commit before
   * it is synced, but readers must see only what has been acknowledged.
   * @throws `SYNC_FAILED` if the sync fails
   */
  async settled(state: StoreState, key?: string): Promise<void> {
    const plan = this.commit?.plans.get(state);
    if (plan !== undefined && (key === undefined || plan.touches(key))) await this.commit!.done;
    if (this.failure !== undefined) throw this.failure;
  }

  /** Resolves when no task is waiting or running. */
  async idle(): Promise<void> {
    while (this.running !== undefined) await this.running;
  }

  private async run(): Promise<void> {
    // All callers of this turn of the event loop join the first group.
    await Promise.resolve();
    while (this.waiting.length > 0) await this.commitGroup(this.nextGroup());
    this.running = undefined;
  }

  private nextGroup(): Waiting[] {
    let writes = 0;
    let bytes = 0;
    let count = 0;
    for (const { task } of this.waiting) {
      if (count > 0 && (writes >= GROUP_WRITES || bytes >= GROUP_BYTES)) break;
      count++;
      if (task.type !== 'write') continue;
      writes += task.writes.length;
      for (const { key, record } of task.writes) bytes += key.length + (record?.length ?? 0);
    }
    return this.waiting.splice(0, count);
  }

  private async commitGroup(group: readonly Waiting[]): Promise<void> {
    const start = performance.now();
    const { promise, resolve } = newPromise();
    const plans = new Map<StoreState, StorePlan>();
    try {
      if (this.failure !== undefined) throw this.failure;
      const raw = await this.plan(group, plans);
      // From here on, readers may see what this group writes.
      this.commit = { plans, done: promise };
      await this.store(raw, group);
    } catch (error) {
      const reason = toStorageError(error, this.what);
      for (const waiting of group) waiting.reject(reason);
      this.commit = undefined;
      resolve();
      return;
    }
    for (const plan of plans.values()) plan.apply();
    for (const waiting of group) waiting.resolve();
    this.commit = undefined;
    resolve();
    report(group, performance.now() - start);
  }

  private async store(raw: readonly RawWrite[], group: readonly Waiting[]): Promise<void> {
    if (raw.length > 0) await writeAll(this.db, raw);
    if (!group.some(({ sync }) => sync)) return;
    try {
      await this.wal.sync();
    } catch (error) {
      this.failure = toSyncError(error, this.what);
      for (const state of statesOf(group)) state.onEvent?.({ type: 'failed', error: this.failure });
      throw this.failure;
    }
  }

  private async plan(group: readonly Waiting[], plans: Map<StoreState, StorePlan>): Promise<RawWrite[]> {
    if (this.deflate) await Promise.all(group.map(({ task }) => deflateTask(task)));
    const stored = await this.lookUp(group);
    const now = Date.now();
    const raw: RawWrite[] = [];
    for (const { task } of group) {
      if (task.type === 'barrier') continue;
      if (task.type === 'raw') {
        raw.push(...task.writes);
        continue;
      }
      let plan = plans.get(task.state);
      if (plan === undefined) plans.set(task.state, (plan = new StorePlan(task.state, now)));
      if (task.type === 'write') {
        const known = stored.get(task.state);
        for (const write of task.writes) plan.write(write, (key) => known?.get(key) ?? null);
      } else if (task.type === 'truncate') plan.truncate();
      else plan.destroy();
    }
    for (const plan of plans.values()) raw.push(...plan.rawWrites());
    return raw;
  }

  /** Looks up the current records of the group's keys. Keys above the highest of their store have none. */
  private async lookUp(group: readonly Waiting[]): Promise<Map<StoreState, Map<string, Buffer | null>>> {
    const found = new Map<StoreState, Map<string, Buffer | null>>();
    const places: [Map<string, Buffer | null>, string][] = [];
    const keys: Buffer[] = [];
    for (const { task } of group) {
      if (task.type !== 'write') continue;
      const { state } = task;
      let known = found.get(state);
      if (known === undefined) found.set(state, (known = new Map<string, Buffer | null>()));
      for (const { key } of task.writes) {
        if ((state.highestKey !== undefined && key > state.highestKey) || known.has(key)) continue;
        known.set(key, null);
        places.push([known, key]);
        keys.push(state.keys.entry(key));
      }
    }
    if (keys.length === 0) return found;
    const records = await readAll(this.db, keys);
    places.forEach(([known, key], i) => known.set(key, records[i]!));
    return found;
  }
}

async function deflateTask(task: Task): Promise<void> {
  if (task.type !== 'write') return;
  await Promise.all(
    task.writes.map(async (write) => {
      if (write.record !== undefined) write.record = await deflateRecord(write.record);
    }),
  );
}

function statesOf(group: readonly Waiting[]): Set<StoreState> {
  return new Set(group.flatMap(({ task }) => (task.type === 'raw' ? [] : [task.state])));
}

function report(group: readonly Waiting[], ms: number): void {
  for (const { task } of group) {
    if (task.type !== 'write' || task.state.onEvent === undefined) continue;
    const bytes = task.writes.reduce((sum, { key, record }) => sum + key.length + (record?.length ?? 0), 0);
    task.state.onEvent({ type: 'write', items: task.writes.length, bytes, ms });
  }
}

function newPromise(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

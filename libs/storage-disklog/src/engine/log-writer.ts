import {
  GenRocksError,
  NoSpaceError,
  StorageIoError,
  type StoreEvent,
  SyncFailedError,
} from '@genrocks/storage';
import type { EntryWrite } from '../format/entry.js';
import type { LogFormat } from '../format/log-format.js';
import { isErrno } from '../io/file-system.js';
import type { CurrentFile } from './current-file.js';
import { UnfinishedStepError } from './durable-files.js';
import { Group } from './group.js';

/** A group is sent off when it has this many bytes, so that one write stays short and its buffer small. */
const MAX_GROUP_BYTES = 4 << 20;

export type SyncMode = 'always' | 'interval' | 'os';

export interface WriterOptions {
  readonly name: string;
  readonly format: LogFormat;
  readonly sync: SyncMode;
  readonly syncIntervalMs: number;
  /** Bytes a file may have before the log goes to the next one; Infinity for a log of one file. */
  readonly rotateAt: number;
  readonly onEvent: (event: StoreEvent) => void;
}

/** What the writer needs of the log around it. */
export interface WriterHost {
  readonly current: CurrentFile;
  /** Leaves the current file and makes a next one current. May reject with `RETENTION_FULL`. */
  rotate(lastSequence: number): Promise<void>;
}

interface Task {
  readonly run: () => Promise<void>;
  readonly settle: (error?: Error) => void;
}

/**
 * Group commit. Writes that come while a group is on its way to the device gather in the next one; a group is one
 * write and one sync, however many wait for it. Tasks (truncation, closing) take their turn among the groups, alone.
 */
export class LogWriter {
  private readonly queue: (Group | Task)[] = [];
  private gathering: Group | undefined;
  private running = false;
  private scheduled = false;
  private failure: GenRocksError | undefined;
  private closed = false;
  /** Where the next item will stand if everything under way succeeds. */
  private plannedEnd: number;
  private plannedGeneration: number;
  private plannedSequence: number;
  private syncTimer: NodeJS.Timeout | undefined;
  /** Writes in the last group, how long they took to come and to be stored. */
  private lastGroup = { items: 0, gatherMs: 0, ms: 0 };
  /** How much of the current file is known to be on stable storage. */
  private synced: number;

  constructor(
    private readonly host: WriterHost,
    private sequence: number,
    private readonly options: WriterOptions,
  ) {
    const { file } = host.current;
    this.synced = this.plannedEnd = file.end;
    this.plannedGeneration = file.generation;
    this.plannedSequence = sequence;
  }

  /** Bytes the current file will have when all that waits is written. */
  get pendingEnd(): number {
    return this.plannedEnd;
  }

  /** Sequence of the newest committed item. */
  get lastSequence(): number {
    return this.sequence - 1;
  }

  /** Why the log takes no more writes, if it does not. */
  get failed(): GenRocksError | undefined {
    return this.failure;
  }

  /** Appends one item; the buffers are copied before this returns. Resolves when it is as durable as `sync` says. */
  append(entries: readonly EntryWrite[], size = this.options.format.itemSize(entries)): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const group = this.groupFor(size);
    group.add(entries, size, Date.now());
    this.plannedEnd += size;
    this.plannedSequence++;
    if (!this.running && this.isWorthSending(group)) void this.run();
    return group.promise;
  }

  /** Runs alone, after everything that was queued before it. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    this.gathering = undefined;
    return new Promise<T>((resolve, reject) => {
      let result: T;
      const run = async () => {
        result = await action();
        this.replan();
      };
      this.queue.push({ run, settle: (error) => (error === undefined ? resolve(result) : reject(error)) });
      this.schedule();
    });
  }

  /** Makes everything written so far durable, whatever the sync mode. */
  sync(): Promise<void> {
    return this.exclusive(async () => {
      if (this.failure !== undefined) throw this.failure;
      await this.syncNow();
    });
  }

  /** Ends the timer; writes after this fail. */
  stop(): void {
    this.closed = true;
    clearTimeout(this.syncTimer);
  }

  private groupFor(size: number): Group {
    const nextFile =
      this.plannedEnd + size > this.options.rotateAt && this.plannedEnd > this.options.format.headBytes;
    const { gathering } = this;
    if (gathering !== undefined && !nextFile && gathering.length + size <= MAX_GROUP_BYTES) return gathering;
    if (nextFile) {
      this.plannedEnd = this.options.format.headBytes;
      this.plannedGeneration++;
    }
    const group = new Group(this.options.format, {
      start: this.plannedEnd,
      generation: this.plannedGeneration,
      sequence: this.plannedSequence,
      synced: this.syncedFor(this.plannedEnd, this.plannedGeneration),
    });
    this.gathering = group;
    this.queue.push(group);
    this.schedule();
    return group;
  }

  /** Under `always` a group is written only when all before it is durable; otherwise only what was synced counts. */
  private syncedFor(start: number, generation: number): number {
    if (this.options.sync === 'always') return start;
    return generation === this.host.current.file.generation ? this.synced : this.options.format.headBytes;
  }

  /** Waits for the end of this turn: all who were resolved by the last group write again before the next one goes. */
  private schedule(): void {
    if (this.running || this.scheduled) return;
    this.scheduled = true;
    process.nextTick(() => {
      this.scheduled = false;
      if (!this.running) void this.run();
    });
  }

  /**
   * Where many writers take longer to make their next writes than the device takes to store them, waiting for all of
   * them leaves the device idle, and then them. Half of them go off as soon as they are there, and from then on the
   * two halves take turns.
   */
  private isWorthSending(group: Group): boolean {
    const { items, ms } = this.lastGroup;
    return items >= 4 && group.items === items >> 1 && 2 * group.gatherMs > ms;
  }

  /** The other way round: what the writers of the last group write next is there long before the device is done. */
  private isWorthWaiting(): boolean {
    const { gathering, lastGroup, queue } = this;
    if (gathering === undefined || queue[0] !== gathering) return false;
    const { items, gatherMs, ms } = lastGroup;
    return items > 0 && ms > (1.5 * gatherMs * (items + gathering.items)) / items;
  }

  private async run(): Promise<void> {
    this.running = true;
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      if (next === this.gathering) this.gathering = undefined;
      try {
        await (next instanceof Group ? this.commit(next) : next.run());
        next.settle();
      } catch (error) {
        next.settle(this.explain(error));
        this.replan();
      }
      // The writers of the group that was just settled run before this goes on.
      if (this.isWorthWaiting()) await new Promise((resolve) => process.nextTick(resolve));
    }
    this.running = false;
  }

  private async commit(group: Group): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    const started = performance.now();
    if (
      this.host.current.file.end + group.length > this.options.rotateAt &&
      this.host.current.file.end > this.options.format.headBytes
    ) {
      await this.rotate();
    }
    const { current } = this.host;
    const { file, keys } = current;
    const start = file.end;
    const { generation } = file;
    const synced = this.syncedFor(start, generation);
    const place = { start, generation, sequence: this.sequence, synced };
    const written = this.write(current, group.bytesFor(place));
    // The time the device takes is used to work out where the entries are; they show only once they are stored.
    const placed = [...group.placed()];
    await written;
    for (const item of placed) for (const { key, slot } of item) keys.set(key, slot);
    file.end = start + group.length;
    file.items += group.items;
    file.entries += group.entries;
    this.sequence += group.items;
    if (this.options.sync === 'always') this.synced = file.end;
    else this.syncLater();
    const ms = performance.now() - started;
    this.lastGroup = { items: group.items, gatherMs: group.gatherMs, ms };
    this.options.onEvent({ type: 'write', items: group.entries, bytes: group.length, ms });
  }

  private async write(current: CurrentFile, bytes: Buffer): Promise<void> {
    try {
      const written = current.write(bytes);
      if (written !== undefined) await written;
    } catch (error) {
      if (!isNoSpace(error)) throw this.fail(error);
      await current.cutBack().catch((cause: unknown) => {
        throw this.fail(cause);
      });
      throw new NoSpaceError(this.options.name, error);
    }
  }

  private async rotate(): Promise<void> {
    await this.host.rotate(this.lastSequence);
    this.synced = this.options.format.headBytes;
  }

  /** Every error that a caller gets has a code; a step that broke off in the middle ends the writing. */
  explain(error: unknown): GenRocksError {
    if (error instanceof GenRocksError) return error;
    if (error instanceof UnfinishedStepError) return this.fail(error.cause);
    const { name } = this.options;
    if (isNoSpace(error)) return new NoSpaceError(name, error);
    return new StorageIoError(`cannot write ${name}: ${(error as Error).message}`, error);
  }

  /**
   * A failed sync is final: Linux reports it once and forgets the dirty pages, so trying again on the same descriptor
   * would answer success for data that is gone.
   */
  private fail(cause: unknown): GenRocksError {
    this.failure ??= new SyncFailedError(this.options.name, cause);
    this.options.onEvent({ type: 'failed', error: this.failure });
    return this.failure;
  }

  private syncLater(): void {
    if (this.options.sync !== 'interval' || this.syncTimer !== undefined || this.closed) return;
    this.syncTimer = setTimeout(() => {
      this.syncTimer = undefined;
      // The failure is kept and told to the next writer; nobody waits for this one.
      this.sync().catch(() => undefined);
    }, this.options.syncIntervalMs);
    this.syncTimer.unref();
  }

  private async syncNow(): Promise<void> {
    const { current } = this.host;
    const { end } = current.file;
    if (this.synced === end) return;
    try {
      await current.sync();
      this.synced = end;
    } catch (error) {
      throw this.fail(error);
    }
  }

  /** After a failure or a task nothing stands where it was planned; queued groups are sealed again when written. */
  private replan(): void {
    const { file } = this.host.current;
    this.synced = Math.min(this.synced, file.end);
    this.plannedEnd = file.end;
    this.plannedGeneration = file.generation;
    this.plannedSequence = this.sequence;
    for (const waiting of this.queue) {
      if (!(waiting instanceof Group)) continue;
      this.plannedEnd += waiting.length;
      this.plannedSequence += waiting.items;
    }
  }
}

function isNoSpace(error: unknown): boolean {
  return isErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG');
}

import {
  GenRocksError,
  NoSpaceError,
  StorageIoError,
  type StoreEvent,
  SyncFailedError,
} from '@genrocks/storage';
import type { EntryWrite, PlacedEntry } from '../format/entry.js';
import { isErrno } from '../io/file-system.js';
import type { CurrentFile } from './current-file.js';
import { UnfinishedStepError } from './durable-files.js';
import { Group, type Place } from './group.js';
import { GroupQueue, type QueueOptions, type Task } from './group-queue.js';
import { type SyncOptions, Syncs } from './syncs.js';

/** A group of fewer entries and bytes does not go beside another one: it gathers. */
const WORTH_ENTRIES = 4;
const WORTH_BYTES = 32 << 10;

export interface WriterOptions extends SyncOptions {
  readonly name: string;
  readonly onEvent: (event: StoreEvent) => void;
}

/** What the writer needs of the log around it. */
export interface WriterHost {
  readonly current: CurrentFile;
  /** Leaves the current file and makes a next one current. May reject with `RETENTION_FULL`. */
  rotate(lastSequence: number): Promise<void>;
}

/** A group whose bytes are on their way. */
interface Flight {
  readonly group: Group;
  readonly place: Place;
  readonly end: number;
  /** Writes on their way once it has gone. */
  readonly crowd: number;
  /** Its bytes are written, or could not be. */
  written?: Promise<unknown> | undefined;
  /** It is settled, and so is all before it. */
  landed?: Promise<void>;
  /** Its bytes were cut together with those of a group before it. */
  refusal?: GenRocksError;
}

/**
 * Group commit. Writes that come while a group is on its way to the device gather in the next one; a group is one
 * write and one sync, however many wait for it. Two groups may be on their way at once; they are settled in order.
 * Tasks (truncation, closing) and the change to the next file take their turn among the groups, alone.
 */
export class LogWriter {
  /** Oldest first. */
  private readonly flights: Flight[] = [];
  /** Something runs alone. */
  private busy = false;
  private scheduled = false;
  private failure: GenRocksError | undefined;
  /** How many writes were on their way when the last group had gone, and how long that took. */
  private last = { crowd: 0, ms: 0 };
  private readonly queue: GroupQueue;
  private readonly syncs: Syncs;

  constructor(
    private readonly host: WriterHost,
    private sequence: number,
    private readonly options: WriterOptions,
  ) {
    const { format, rotateAt, sync } = options;
    this.syncs = new Syncs(host, options, (cause) => this.fail(cause));
    const syncedFor = sync === 'always' ? this.syncedBehind : this.syncedSoFar;
    this.queue = new GroupQueue({ format, rotateAt, syncedFor }, this.planned);
  }

  /** Bytes the current file will have when all that waits is written. */
  get pendingEnd(): number {
    return this.queue.plannedEnd;
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
    const group = this.queue.groupFor(size);
    group.add(entries, size, Date.now());
    this.schedule();
    if (this.isWorthSplitting(group)) this.pump();
    return group.promise;
  }

  /** Runs alone, after everything that was queued before it. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      const run = async () => {
        result = await action();
      };
      this.queue.push({ run, settle: (error) => (error === undefined ? resolve(result) : reject(error)) });
      this.schedule();
    });
  }

  /** Makes everything written so far durable, whatever the sync mode. */
  sync(): Promise<void> {
    return this.exclusive(async () => {
      if (this.failure !== undefined) throw this.failure;
      await this.syncs.now();
    });
  }

  /** Ends the timer; writes after this fail. */
  stop(): void {
    this.syncs.stop();
  }

  /** Under `always` a group is written when all before it is durable but the one group before. */
  private readonly syncedBehind: QueueOptions['syncedFor'] = ({ start, generation }, waiting) => {
    const before = waiting ?? this.flights.at(-1)?.group;
    const isSameFile = before instanceof Group && before.place.generation === generation;
    return isSameFile ? before.place.start : start;
  };

  private readonly syncedSoFar: QueueOptions['syncedFor'] = ({ generation }) =>
    generation === this.host.current.file.generation ? this.syncs.synced : this.options.format.headBytes;

  /** Where the next group will stand, if nothing waits. */
  private get planned(): Omit<Place, 'synced'> {
    const { end, generation } = this.host.current.file;
    return { start: end, generation, sequence: this.sequence };
  }

  /** Waits for the end of this turn: all who were resolved by the last group write again before the next one goes. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(() => {
      this.scheduled = false;
      this.pump();
    });
  }

  /** Sends off what may go. */
  private pump(): void {
    for (let { head: next } = this.queue; next !== undefined && !this.busy; next = this.queue.head) {
      if (next instanceof Group && this.failure === undefined && !this.isForNextFile(next)) {
        if (!this.maySend(next)) return;
        this.queue.take();
        this.send(next);
      } else {
        if (this.flights.length > 0) return;
        void this.runAlone(next);
      }
    }
  }

  private isForNextFile({ length }: Group): boolean {
    const end = this.flights.at(-1)?.end ?? this.host.current.file.end;
    return end + length > this.options.rotateAt && end > this.options.format.headBytes;
  }

  /** A second group goes while one is on its way if it carries about as much: small ones had better gather. */
  private maySend({ length, entries }: Group): boolean {
    const [flight] = this.flights;
    if (flight === undefined) return true;
    if (this.flights.length > 1 || (entries < WORTH_ENTRIES && length < WORTH_BYTES)) return false;
    return 2 * length >= flight.group.length && this.host.current.canOverlap;
  }

  /**
   * Where the writers take a good part of the device's time to make their next writes, waiting for all of them leaves
   * the device idle, and then them. Half of them go off as soon as they are there, and from then on the two halves are
   * on their way side by side: one is encoded while the other is stored.
   */
  private isWorthSplitting(group: Group): boolean {
    const { crowd, ms } = this.last;
    if (group.items !== crowd >> 1 || this.flights.length > 0 || this.busy || this.queue.head !== group)
      return false;
    return 4 * group.gatherMs > ms && this.host.current.canOverlap;
  }

  /** Runs a task, or what a group needs before it can go: the next file. */
  private async runAlone(next: Group | Task): Promise<void> {
    this.busy = true;
    try {
      if (next instanceof Group) await this.makeRoom();
      else {
        this.queue.take();
        await next.run();
        this.replan();
        next.settle();
      }
    } catch (error) {
      if (next instanceof Group) this.queue.take();
      next.settle(this.explain(error));
      this.replan();
    }
    this.busy = false;
    this.schedule();
  }

  private send(group: Group): void {
    const { file } = this.host.current;
    const last = this.flights.at(-1);
    const start = last?.end ?? file.end;
    const sequence = last === undefined ? this.sequence : last.place.sequence + last.group.items;
    const synced = this.options.sync === 'always' ? file.end : this.syncs.synced;
    const flight: Flight = {
      group,
      place: { start, generation: file.generation, sequence, synced },
      end: start + group.length,
      crowd: group.items + (last?.group.items ?? 0),
    };
    this.flights.push(flight);
    flight.landed = this.commit(flight, last?.landed);
  }

  private async commit(flight: Flight, before: Promise<void> | undefined): Promise<void> {
    const started = performance.now();
    const { group, place } = flight;
    const { current } = this.host;
    try {
      const written = (flight.written = current.write(group.bytesFor(place), place.start));
      // The time the device takes is used to work out where the entries are; they show only once they are stored.
      const placed = [...group.placed()];
      if (before !== undefined) await Promise.allSettled([written, before]);
      if (written !== undefined) await written;
      this.refuse(flight);
      this.publish(flight, placed, performance.now() - started);
      group.settle();
    } catch (error) {
      if (before !== undefined) await before;
      group.settle(flight.refusal ?? this.failure ?? (await this.refusalOf(flight, error)));
    }
    const index = this.flights.indexOf(flight);
    if (index >= 0) this.flights.splice(index, 1);
    this.schedule();
  }

  /** Throws where a group before this one failed. */
  private refuse({ refusal = this.failure }: Flight): void {
    if (refusal !== undefined) throw refusal;
  }

  /** What a group brought is stored as its writers were promised: readers see it from here on. */
  private publish({ group, end, crowd }: Flight, placed: PlacedEntry[][], ms: number): void {
    const { file, keys } = this.host.current;
    for (const item of placed) for (const { key, slot } of item) keys.set(key, slot);
    file.end = end;
    file.items += group.items;
    file.entries += group.entries;
    this.sequence += group.items;
    this.syncs.wrote();
    this.last = { crowd, ms };
    this.options.onEvent({ type: 'write', items: group.entries, bytes: group.length, ms });
  }

  /** A group could not be written. On a full device it is cut back, together with the one behind it. */
  private async refusalOf(flight: Flight, error: unknown): Promise<GenRocksError> {
    if (!isNoSpace(error)) return this.fail(error);
    this.busy = true;
    const behind = this.flights.slice(this.flights.indexOf(flight) + 1);
    await Promise.allSettled(behind.map(({ written }) => Promise.resolve(written)));
    let refusal: GenRocksError = new NoSpaceError(this.options.name, error);
    try {
      await this.host.current.cutBack();
    } catch (cause) {
      refusal = this.fail(cause);
    }
    for (const lost of behind) lost.refusal = refusal;
    this.flights.length = 0;
    this.busy = false;
    this.replan();
    return refusal;
  }

  private async makeRoom(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await this.host.rotate(this.lastSequence);
    this.syncs.restart();
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

  /** After a failure or a task nothing stands where it was planned; queued groups are sealed again when written. */
  private replan(): void {
    this.syncs.limit();
    this.queue.replan(this.planned);
  }
}

function isNoSpace(error: unknown): boolean {
  return isErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG');
}

import type { GenRocksError, StoreEvent } from '@genrocks/storage';
import type { EntryWrite } from '../format/entry.js';
import type { CurrentFile } from './current-file.js';
import { Flights } from './flights.js';
import { Group, type Place } from './group.js';
import { GroupQueue, type QueueOptions, type Task } from './group-queue.js';
import { type SyncOptions, Syncs } from './syncs.js';
import { WriteFailure } from './write-failure.js';

export interface WriterOptions extends SyncOptions {
  readonly name: string;
  /** Largest size of a file in bytes. A group that does not fit makes the writer call {@link WriterHost.rotate}. */
  readonly maxBytes: number;
  readonly onEvent: (event: StoreEvent) => void;
}

/** What the writer needs of the log around it. */
export interface WriterHost {
  readonly current: CurrentFile;
  /** Closes the current file and makes the next one current. May reject with `RETENTION_FULL` or `LOG_FULL`. */
  rotate(lastSequence: number): Promise<void>;
  /** While true, groups for the next file wait until {@link LogWriter.wake}; {@link LogWriter.between} still runs. */
  readonly isHeldUp?: boolean;
}

/**
 * Group commit. Writes that arrive while a group is on its way to the device gather in the next group. A group is one
 * write and one sync, however many writers wait for it. Two groups may be in flight at once; they settle in order.
 *
 * Tasks (truncation, closing) and rotation take their turn among the groups and run alone.
 */
export class LogWriter {
  /** A task or a rotation is running alone. */
  private busy = false;
  private scheduled = false;
  private readonly queue: GroupQueue;
  private readonly syncs: Syncs;
  private readonly flights: Flights;
  private readonly failure: WriteFailure;

  constructor(
    private readonly host: WriterHost,
    sequence: number,
    private readonly options: WriterOptions,
  ) {
    const { format, rotateAt, sync, name, onEvent } = options;
    this.failure = new WriteFailure(name, onEvent);
    this.syncs = new Syncs(host, options, (cause) => this.failure.end(cause));
    this.flights = new Flights(host, sequence, this.syncs, this.failure, {
      sync,
      onEvent,
      onLanded: () => this.schedule(),
      onCutBack: () => this.replan(),
    });
    const syncedFor = sync === 'always' ? this.syncedBehind : this.syncedSoFar;
    this.queue = new GroupQueue({ format, rotateAt, syncedFor }, this.planned);
  }

  /** Size in bytes that the current file will have once everything queued is written. */
  get pendingEnd(): number {
    return this.queue.plannedEnd;
  }

  /** Sequence of the newest committed item. */
  get lastSequence(): number {
    return this.flights.lastSequence;
  }

  /** Why the log accepts no more writes; undefined while it accepts them. */
  get failed(): GenRocksError | undefined {
    return this.failure.final;
  }

  /**
   * Appends one item. The buffers are copied before this returns, except lent values. Resolves when the item is as
   * durable as `sync` says.
   */
  append(entries: readonly EntryWrite[], size = this.options.format.itemSize(entries)): Promise<void> {
    if (this.failed !== undefined) return Promise.reject(this.failed);
    const group = this.queue.groupFor(size);
    group.add(entries, size, Date.now());
    this.schedule();
    if (!this.busy && this.queue.head === group && this.flights.isWorthSplitting(group)) this.pump();
    return group.promise;
  }

  /** Runs an action alone, after everything queued before it. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    return this.enqueue(action, (task) => this.queue.push(task));
  }

  /**
   * Like {@link exclusive}, for an action that leaves the log empty: writes queued behind it are planned for an empty
   * log.
   */
  emptying<T>(action: () => Promise<T>): Promise<T> {
    return this.enqueue(action, (task) => this.queue.push({ ...task, empties: true }));
  }

  /**
   * Runs an action alone, after the groups in flight and before everything queued: for changes that writers do not
   * notice.
   */
  between<T>(action: () => Promise<T>): Promise<T> {
    return this.enqueue(action, (task) => this.queue.pushFirst(task));
  }

  /** Tries again: whatever held up the log may be over. */
  wake(): void {
    this.schedule();
  }

  /** Makes everything written so far durable, whatever the sync mode. */
  sync(): Promise<void> {
    return this.exclusive(async () => {
      this.failure.refuse();
      await this.syncs.now();
    });
  }

  /** Ends the background syncs. Nothing may be appended after this; the caller has to see to that. */
  stop(): void {
    this.syncs.stop();
  }

  /** Turns any error into one with a code, as callers expect. */
  explain(error: unknown): GenRocksError {
    return this.failure.explain(error);
  }

  private enqueue<T>(action: () => Promise<T>, push: (task: Task) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      const run = async () => {
        result = await action();
      };
      push({
        run,
        empties: false,
        settle: (error) => (error === undefined ? resolve(result) : reject(error)),
      });
      this.schedule();
    });
  }

  /** Under `always`, a group is sent with at most one other in flight, so all before that one is durable. */
  private readonly syncedBehind: QueueOptions['syncedFor'] = ({ start, generation }, waiting) => {
    const before = waiting ?? this.flights.newest;
    const isSameFile = before instanceof Group && before.place.generation === generation;
    return isSameFile ? before.place.start : start;
  };

  private readonly syncedSoFar: QueueOptions['syncedFor'] = ({ generation }) =>
    generation === this.host.current.file.generation ? this.syncs.synced : this.options.format.headBytes;

  /** Where the next group will stand if nothing is queued or in flight. */
  private get planned(): Omit<Place, 'synced'> {
    const { end, generation } = this.host.current.file;
    return { start: end, generation, sequence: this.lastSequence + 1 };
  }

  /** Pumps at the end of this turn, so that writers resolved by the last group can join the next one. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(this.pumpLater);
  }

  private readonly pumpLater = () => {
    this.scheduled = false;
    this.pump();
  };

  /** Sends every queued group that may go now. */
  private pump(): void {
    for (let { head: next } = this.queue; next !== undefined && !this.busy; next = this.queue.head) {
      if (next instanceof Group && this.failed === undefined && !this.isForNextFile(next)) {
        if (!this.flights.mayTake(next)) return;
        this.queue.take();
        this.flights.send(next);
      } else {
        if (!this.flights.isIdle) return;
        if (next instanceof Group && this.failed === undefined && this.host.isHeldUp === true) return;
        void this.runAlone(next);
      }
    }
  }

  private isForNextFile({ length }: Group): boolean {
    const { end } = this.flights;
    return end + length > this.options.maxBytes && end > this.options.format.headBytes;
  }

  /** Runs a task, or the rotation that a group needs before it can go. */
  private async runAlone(next: Group | Task): Promise<void> {
    this.busy = true;
    this.syncs.pause();
    try {
      if (next instanceof Group) await this.makeRoom();
      else {
        this.queue.take();
        await next.run();
        this.replan();
        next.settle();
      }
    } catch (error) {
      if (next instanceof Group) {
        // The group never reached a file.
        this.queue.refuse(next);
        next.settle(this.failure.explain(error, { nothingStored: true }));
      } else next.settle(this.explain(error));
      this.replan();
    }
    this.busy = false;
    this.syncs.resume();
    this.schedule();
  }

  private async makeRoom(): Promise<void> {
    this.failure.refuse();
    await this.host.rotate(this.lastSequence);
    this.syncs.restart();
  }

  /**
   * After a failure or a task, planned positions no longer hold; queued groups are resealed when they are written.
   */
  private replan(): void {
    this.syncs.limit();
    this.queue.replan(this.planned);
  }
}

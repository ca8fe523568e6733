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
  /** Bytes a file may have; {@link WriterHost.rotate} makes the next one, or says that there is none. */
  readonly maxBytes: number;
  readonly onEvent: (event: StoreEvent) => void;
}

/** What the writer needs of the log around it. */
export interface WriterHost {
  readonly current: CurrentFile;
  /** Leaves the current file and makes a next one current. May reject with `RETENTION_FULL` or `LOG_FULL`. */
  rotate(lastSequence: number): Promise<void>;
  /** What goes to a next file has to wait until {@link LogWriter.wake}; {@link LogWriter.between} goes on. */
  readonly isHeldUp?: boolean;
}

/**
 * Group commit. Writes that come while a group is on its way to the device gather in the next one; a group is one
 * write and one sync, however many wait for it. Two groups may be on their way at once; they are settled in order.
 * Tasks (truncation, closing) and the change to the next file take their turn among the groups, alone.
 */
export class LogWriter {
  /** Something runs alone. */
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

  /** Bytes the current file will have when all that waits is written. */
  get pendingEnd(): number {
    return this.queue.plannedEnd;
  }

  /** Sequence of the newest committed item. */
  get lastSequence(): number {
    return this.flights.lastSequence;
  }

  /** Why the log takes no more writes, if it does not. */
  get failed(): GenRocksError | undefined {
    return this.failure.final;
  }

  /**
   * Appends one item; the buffers are copied before this returns, but for lent values. Resolves when it is as durable as
   * `sync` says.
   */
  append(entries: readonly EntryWrite[], size = this.options.format.itemSize(entries)): Promise<void> {
    if (this.failed !== undefined) return Promise.reject(this.failed);
    const group = this.queue.groupFor(size);
    group.add(entries, size, Date.now());
    this.schedule();
    if (!this.busy && this.queue.head === group && this.flights.isWorthSplitting(group)) this.pump();
    return group.promise;
  }

  /** Runs alone, after everything that was queued before it. */
  exclusive<T>(action: () => Promise<T>): Promise<T> {
    return this.enqueue(action, (task) => this.queue.push(task));
  }

  /** Like {@link exclusive}, for what leaves the log empty: there is room for what is queued behind it. */
  emptying<T>(action: () => Promise<T>): Promise<T> {
    return this.enqueue(action, (task) => this.queue.push({ ...task, empties: true }));
  }

  /** Runs alone, after what is on its way and before what waits: for changes that no writer sees. */
  between<T>(action: () => Promise<T>): Promise<T> {
    return this.enqueue(action, (task) => this.queue.pushFirst(task));
  }

  /** What held up the log may be over. */
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

  /** Ends the timer; writes after this fail. */
  stop(): void {
    this.syncs.stop();
  }

  /** Every error that a caller gets has a code. */
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

  /** Under `always` a group is written when all before it is durable but the one group before. */
  private readonly syncedBehind: QueueOptions['syncedFor'] = ({ start, generation }, waiting) => {
    const before = waiting ?? this.flights.newest;
    const isSameFile = before instanceof Group && before.place.generation === generation;
    return isSameFile ? before.place.start : start;
  };

  private readonly syncedSoFar: QueueOptions['syncedFor'] = ({ generation }) =>
    generation === this.host.current.file.generation ? this.syncs.synced : this.options.format.headBytes;

  /** Where the next group will stand, if nothing waits and nothing is on its way. */
  private get planned(): Omit<Place, 'synced'> {
    const { end, generation } = this.host.current.file;
    return { start: end, generation, sequence: this.lastSequence + 1 };
  }

  /** Waits for the end of this turn: all who were resolved by the last group write again before the next one goes. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(this.pumpLater);
  }

  private readonly pumpLater = () => {
    this.scheduled = false;
    this.pump();
  };

  /** Sends off what may go. */
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

  /** Runs a task, or what a group needs before it can go: the next file. */
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
        // It has not got as far as a file.
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

  /** After a failure or a task nothing stands where it was planned; queued groups are sealed again when written. */
  private replan(): void {
    this.syncs.limit();
    this.queue.replan(this.planned);
  }
}

import { isGenRocksError, StoreClosedError } from '@genrocks/storage';
import { compact, worthCompacting } from './compaction.js';
import type { LogDirectory } from './log-directory.js';
import type { LogFile } from './log-file.js';
import type { LogWriter } from './log-writer.js';
import { SegmentCompaction } from './segment-compaction.js';

export interface CompactorOptions {
  /** Compact in the background whenever it is worth while. Without it, only {@link Compactor.all} compacts. */
  readonly bySelf: boolean;
  /** A merged segment is closed at this size. */
  readonly segmentBytes: number;
}

/** A log of one file that could not be compacted is left alone until so many more bytes are in it. */
const RETRY_BYTES = 1 << 20;

/** Decides when a log is compacted, and in which way; one compaction at a time. */
export class Compactor {
  private running: Promise<boolean> | undefined;
  /** The merge of segments under way, if that is what is running. */
  private merging: Promise<boolean> | undefined;
  /** A merge begins in the next turn of the event loop. */
  private isAwaited = false;
  private isStopped = false;
  /** Each resolves when it is over. */
  private readonly pauses = new Set<Promise<void>>();
  private hasFailed = false;
  /** The file whose last compaction failed, and where it ended then. */
  private failed: { readonly file: LogFile; readonly end: number } | undefined;
  /** The oldest segment when the last merge met damage, and the bytes of all of them then. */
  private damaged: { readonly oldest: LogFile; readonly bytes: number } | undefined;

  constructor(
    private readonly log: LogDirectory,
    private readonly writer: LogWriter,
    private readonly options: CompactorOptions,
  ) {}

  /** Something was written. */
  wrote(): void {
    if (!this.options.bySelf || this.isBusy) return;
    const { files, current } = this.log;
    if (files.length === 1 && worthCompacting(current.file) && this.mayTry(current.file))
      this.runInBackground();
  }

  /** A file was left. */
  left(): void {
    if (this.isBusy || this.log.segments?.isDue !== true || !this.mayMerge()) return;
    // Waits for the write that made this necessary; no other one may outrun it meanwhile.
    this.isAwaited = true;
    setImmediate(() => {
      this.isAwaited = false;
      this.runInBackground();
      this.writer.wake();
    });
  }

  /**
   * Writers outrun the merge that is under way or about to begin, and had better wait for it, or the log would grow without
   * bound. For one that fails nobody waits: the log grows then. Nor for the compaction of one file, which takes its turn
   * among them.
   */
  get isOutrun(): boolean {
    if (this.merging === undefined && !this.isAwaited) return false;
    return !this.isStopped && !this.hasFailed && this.isAhead;
  }

  /**
   * Compacts everything that was written before the call; see `PartitionStore.optimize`. A truncation breaks it off, and
   * may fail: it begins anew then.
   */
  async all(): Promise<void> {
    for (let isDone = false; !isDone;) {
      await this.leaveSegment();
      // One that is under way began without what was written, or left, since.
      await this.running?.catch(() => undefined);
      for (const pause of this.pauses) await pause;
      this.refuseStopped();
      isDone = await this.run();
      if (this.writer.failed !== undefined) throw this.writer.failed;
      if (!isDone) this.refuseStopped();
    }
  }

  /**
   * From here on no merge begins, and the one under way changes the log no more; see {@link merged} for its end.
   * @returns has them begin again
   */
  pause(): () => void {
    let resume = () => {};
    const pause = new Promise<void>((resolve) => (resume = resolve));
    this.pauses.add(pause);
    return () => {
      this.pauses.delete(pause);
      resume();
    };
  }

  /** Resolves when no merge is under way, and nothing is left of one that was broken off. */
  async merged(): Promise<void> {
    await this.merging?.catch(() => undefined);
  }

  /** None begins from here on; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running?.catch(() => undefined);
  }

  /** So much was written since the last merge that the next has to come first. */
  private get isAhead(): boolean {
    return this.log.segments?.isOutrun(this.options.segmentBytes) === true;
  }

  /** Nobody waits for one that begins now, and the files may soon be another owner's. */
  private refuseStopped(): void {
    if (this.isStopped) throw new StoreClosedError(this.log.names.directory);
  }

  private get isBusy(): boolean {
    return this.running !== undefined || this.isStopped || this.pauses.size > 0;
  }

  /** Damage and a full device stay for long: each attempt reads the log and writes up to where it fails. */
  private mayTry(file: LogFile): boolean {
    return this.failed?.file !== file || file.end >= this.failed.end + RETRY_BYTES;
  }

  /**
   * Damage ends a merge, and stays; yet each attempt reads the keys of all segments. So the next one waits until the log is
   * twice as long, and all of them together read what a few would.
   */
  private mayMerge(): boolean {
    const { damaged } = this;
    return damaged?.oldest !== this.log.files[0] || this.leftBytes >= 2 * damaged!.bytes;
  }

  private get leftBytes(): number {
    return this.log.segments!.left.reduce((sum, { end }) => sum + end, 0);
  }

  /** A failure is not lost: a later write or segment tries again, and {@link all} tells the caller. */
  private runInBackground(): void {
    if (this.isBusy) return;
    this.run().catch((error: unknown) => {
      const { files, current } = this.log;
      this.failed = { file: current.file, end: current.file.end };
      const isDamage = isGenRocksError(error, 'LOG_CORRUPT') && this.log.segments !== undefined;
      this.damaged = isDamage ? { oldest: files[0]!, bytes: this.leftBytes } : undefined;
    });
  }

  /** @returns false where it was broken off */
  private run(): Promise<boolean> {
    this.running ??= this.runNow()
      .then(
        (isDone) => {
          this.hasFailed = false;
          return isDone;
        },
        (error: unknown) => {
          this.hasFailed = true;
          throw this.writer.explain(error);
        },
      )
      .finally(() => {
        this.running = this.merging = undefined;
        this.goOn();
        this.writer.wake();
      });
    return this.running;
  }

  /** Begins another merge where this one was outrun, which otherwise only the next segment would do. */
  private goOn(): void {
    if (this.hasFailed || this.writer.failed !== undefined || !this.options.bySelf) return;
    if (this.isAhead && this.mayMerge()) this.runInBackground();
  }

  private async runNow(): Promise<boolean> {
    const { log, writer } = this;
    if (log.files.length === 1) {
      await compact(log.maker.fs, log, writer);
      return true;
    }
    const { segmentBytes } = this.options;
    const isStopped = () => this.isStopped || this.pauses.size > 0 || writer.failed !== undefined;
    const options = { segmentBytes, isStopped, onStep: () => writer.wake() };
    this.merging = new SegmentCompaction(log, log.maker, log.segments!, writer, options).run();
    return this.merging;
  }

  /** Compaction takes in what was left, so what is being written has to be. */
  private async leaveSegment(): Promise<void> {
    const { log, writer } = this;
    if (log.files.length === 1) return;
    await writer.exclusive(async () => {
      if (writer.failed !== undefined) throw writer.failed;
      if (log.files.length > 1 && log.current.file.items > 0) await log.rotate(writer.lastSequence);
    });
  }
}

import { isGenRocksError, StoreClosedError } from '@genrocks/storage';
import { compact, worthCompacting } from './compaction.js';
import type { LogDirectory } from './log-directory.js';
import type { LogFile } from './log-file.js';
import type { LogWriter } from './log-writer.js';
import { SegmentCompaction } from './segment-compaction.js';

export interface CompactorOptions {
  /** Compact in the background when it pays off. Otherwise only {@link Compactor.all} compacts. */
  readonly bySelf: boolean;
  /** Size in bytes at which a merged segment is closed. */
  readonly segmentBytes: number;
}

/** After a failure, a log of one file is left alone until this many more bytes are in it. */
const RETRY_BYTES = 1 << 20;

/** Decides when and how a log is compacted, one compaction at a time. */
export class Compactor {
  private running: Promise<boolean> | undefined;
  /** The merge of segments under way, if that is what is running. */
  private merging: Promise<boolean> | undefined;
  /** A merge begins in the next turn of the event loop. */
  private isAwaited = false;
  private isStopped = false;
  /** One promise for each pause; it resolves when the pause ends. */
  private readonly pauses = new Set<Promise<void>>();
  private hasFailed = false;
  /** The file whose last compaction failed, and where it ended then. */
  private failed: { readonly file: LogFile; readonly end: number } | undefined;
  /** The oldest segment when the last merge met damage, and the bytes of all segments then. */
  private damaged: { readonly oldest: LogFile; readonly bytes: number } | undefined;

  constructor(
    private readonly log: LogDirectory,
    private readonly writer: LogWriter,
    private readonly options: CompactorOptions,
  ) {}

  /** Called after each write. */
  wrote(): void {
    if (!this.options.bySelf || this.isBusy) return;
    const { files, current } = this.log;
    if (files.length === 1 && worthCompacting(current.file) && this.mayTry(current.file))
      this.runInBackground();
  }

  /** Called after each rotation. */
  left(): void {
    if (this.isBusy || this.log.segments?.isDue !== true || !this.mayMerge()) return;
    // Starts after the write that caused the rotation. Until then `isAwaited` keeps further writes from outrunning
    // the merge.
    this.isAwaited = true;
    setImmediate(() => {
      this.isAwaited = false;
      this.runInBackground();
      this.writer.wake();
    });
  }

  /**
   * Whether writers have to wait because they outrun the merge that is under way or about to begin; otherwise the log
   * would grow without bound. Nobody waits after a merge has failed: the log grows. Nor does anybody wait for
   * the compaction of a single file, which takes its turn among the writes.
   */
  get isOutrun(): boolean {
    if (this.merging === undefined && !this.isAwaited) return false;
    return !this.isStopped && !this.hasFailed && this.isAhead;
  }

  /**
   * Compacts everything that was written before the call; see `PartitionStore.optimize`. A truncation interrupts the
   * compaction, which then starts over, since the truncation may fail.
   */
  async all(): Promise<void> {
    for (let isDone = false; !isDone;) {
      await this.leaveSegment();
      // The one under way began without what was written or closed since.
      await this.running?.catch(() => undefined);
      for (const pause of this.pauses) await pause;
      this.refuseStopped();
      isDone = await this.run();
      if (this.writer.failed !== undefined) throw this.writer.failed;
      if (!isDone) this.refuseStopped();
    }
  }

  /**
   * Keeps merges from beginning. The one under way stops before its next change to the log; a change already queued
   * runs before any task queued later. {@link merged} waits for its end.
   * @returns ends the pause
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

  /** Resolves when no merge is under way, and nothing is left of an interrupted one. */
  async merged(): Promise<void> {
    await this.merging?.catch(() => undefined);
  }

  /** Keeps compactions from beginning; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running?.catch(() => undefined);
  }

  /** So much was written since the last merge that the next one has to come first. */
  private get isAhead(): boolean {
    return this.log.segments?.isOutrun(this.options.segmentBytes) === true;
  }

  /** After the store is closed, nobody waits for a compaction, and the files may soon belong to another owner. */
  private refuseStopped(): void {
    if (this.isStopped) throw new StoreClosedError(this.log.names.directory);
  }

  private get isBusy(): boolean {
    return this.running !== undefined || this.isStopped || this.pauses.size > 0;
  }

  /** Damage or a full device lasts, and each attempt reads the log and writes up to the point of failure. */
  private mayTry(file: LogFile): boolean {
    return this.failed?.file !== file || file.end >= this.failed.end + RETRY_BYTES;
  }

  /**
   * Damage ends a merge and lasts, and each attempt reads the keys of all segments. The next attempt waits until the
   * log is twice as long, so that all attempts together read no more than a few would.
   */
  private mayMerge(): boolean {
    const { damaged } = this;
    return damaged?.oldest !== this.log.files[0] || this.leftBytes >= 2 * damaged!.bytes;
  }

  private get leftBytes(): number {
    return this.log.segments!.left.reduce((sum, { end }) => sum + end, 0);
  }

  /** Failures are not lost: a later write or segment tries again, and {@link all} reports them to its caller. */
  private runInBackground(): void {
    if (this.isBusy) return;
    this.run().catch((error: unknown) => {
      const { files, current } = this.log;
      this.failed = { file: current.file, end: current.file.end };
      const isDamage = isGenRocksError(error, 'LOG_CORRUPT') && this.log.segments !== undefined;
      this.damaged = isDamage ? { oldest: files[0]!, bytes: this.leftBytes } : undefined;
    });
  }

  /** @returns false if it was interrupted */
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

  /** Starts the next merge if this one was outrun; otherwise only the next rotation would. */
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

  /** Compaction covers closed segments only, so the current one is closed first. */
  private async leaveSegment(): Promise<void> {
    const { log, writer } = this;
    if (log.files.length === 1) return;
    await writer.exclusive(async () => {
      if (writer.failed !== undefined) throw writer.failed;
      if (log.files.length > 1 && log.current.file.items > 0) await log.rotate(writer.lastSequence);
    });
  }
}

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
  private running: Promise<void> | undefined;
  private isStopped = false;
  private hasFailed = false;
  /** The file whose last compaction failed, and where it ended then. */
  private failed: { readonly file: LogFile; readonly end: number } | undefined;

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
    // Waits for the write that made this necessary.
    if (this.log.segments?.isDue === true) setImmediate(() => this.runInBackground());
  }

  /**
   * Writers outrun the compaction that is under way, and had better wait for it, or the log would grow without bound. For
   * one that fails nobody waits: the log grows then.
   */
  get isOutrun(): boolean {
    if (this.running === undefined || this.isStopped || this.hasFailed) return false;
    return this.log.segments?.isOutrun(this.options.segmentBytes) === true;
  }

  /** Compacts everything that was written before the call; see `PartitionStore.optimize`. */
  async all(): Promise<void> {
    await this.leaveSegment();
    // One that is under way began without what was written, or left, since.
    await this.running?.catch(() => undefined);
    await this.run();
  }

  /** None begins from here on; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running?.catch(() => undefined);
  }

  private get isBusy(): boolean {
    return this.running !== undefined || this.isStopped;
  }

  /** Damage and a full device stay for long: each attempt reads the log and writes up to where it fails. */
  private mayTry(file: LogFile): boolean {
    return this.failed?.file !== file || file.end >= this.failed.end + RETRY_BYTES;
  }

  /** A failure is not lost: a later write or segment tries again, and {@link all} tells the caller. */
  private runInBackground(): void {
    if (this.isBusy) return;
    this.run().catch(() => {
      const { file } = this.log.current;
      this.failed = { file, end: file.end };
    });
  }

  private run(): Promise<void> {
    this.running ??= this.runNow()
      .then(
        () => void (this.hasFailed = false),
        (error: unknown) => {
          this.hasFailed = true;
          throw this.writer.explain(error);
        },
      )
      .finally(() => {
        this.running = undefined;
        this.writer.wake();
      });
    return this.running;
  }

  private async runNow(): Promise<void> {
    const { log, writer } = this;
    if (log.files.length === 1) return compact(log.maker.fs, log, writer);
    const { segmentBytes } = this.options;
    const isStopped = () => this.isStopped || writer.failed !== undefined;
    const options = { segmentBytes, isStopped, onStep: () => writer.wake() };
    await new SegmentCompaction(log, log.maker, log.segments!, writer, options).run();
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

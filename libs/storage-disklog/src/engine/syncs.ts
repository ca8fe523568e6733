import type { LogFormat } from '../format/log-format.js';
import type { CurrentFile } from './current-file.js';

/**
 * Under `sync: os`, a file that will be rotated is written back in pieces of this size while writes go on. Rotation
 * makes the file durable, and writers would otherwise wait for all of it at once.
 */
const WRITE_BACK_BYTES = 4 << 20;

export type SyncMode = 'always' | 'interval' | 'os';

export interface SyncOptions {
  readonly format: LogFormat;
  readonly sync: SyncMode;
  readonly syncIntervalMs: number;
  /** Size in bytes at which the log rotates to the next file; Infinity for a log of one file. */
  readonly rotateAt: number;
}

/** Tracks how much of the current file is on stable storage, and makes the syncs that no writer waits for. */
export class Syncs {
  /** Everything before this position of the current file is on stable storage. */
  synced: number;
  private timer: NodeJS.Timeout | undefined;
  private underWay = false;
  private isDueAgain = false;
  private stopped = false;
  private paused = false;

  /** @param fail ends all writing, because a failed sync is final */
  constructor(
    private readonly host: { readonly current: CurrentFile },
    private readonly options: SyncOptions,
    private readonly fail: (cause: unknown) => Error,
  ) {
    this.synced = host.current.file.end;
  }

  /** Called when a group was written, as durably as the mode says. */
  wrote(): void {
    const { sync, rotateAt } = this.options;
    const { end } = this.host.current.file;
    if (sync === 'always') this.synced = end;
    else if (sync === 'interval') this.startTimer();
    else if (rotateAt < Infinity && end - this.synced >= WRITE_BACK_BYTES && !this.underWay) this.syncAside();
  }

  /** The current file is a new, empty one. */
  restart(): void {
    this.synced = this.options.format.headBytes;
  }

  /** The current file may be shorter than it was. */
  limit(): void {
    this.synced = Math.min(this.synced, this.host.current.file.end);
  }

  /** Makes everything committed durable. */
  async now(): Promise<void> {
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

  /**
   * Keeps background syncs from starting until {@link resume}, while something runs alone: it may close the current
   * file, and makes that file durable itself.
   */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    if (this.isDueAgain && !this.underWay) this.syncAside();
  }

  /** Ends the background syncs. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private startTimer(): void {
    if (this.timer !== undefined || this.stopped) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.syncAside();
    }, this.options.syncIntervalMs);
    this.timer.unref();
  }

  /** Syncs while writes go on. Nobody waits for this sync; the next writer is told of a failure. */
  private syncAside(): void {
    this.isDueAgain = this.underWay || this.paused;
    if (this.isDueAgain || this.stopped) return;
    const { current } = this.host;
    const { end } = current.file;
    if (this.synced === end) return;
    this.underWay = true;
    const done = () => {
      // The log may have rotated meanwhile, which made all of this file durable.
      if (this.host.current === current) this.synced = Math.max(this.synced, end);
      this.underWay = false;
      if (this.isDueAgain) this.syncAside();
    };
    current.sync().then(done, (error: unknown) => void this.fail(error));
  }
}

import type { LogFormat } from '../format/log-format.js';
import type { CurrentFile } from './current-file.js';

/**
 * Under `sync: os` a file that will be left is written back in pieces of this size, while writes go on: leaving it
 * makes it durable, and writers would wait for all of it at once.
 */
const WRITE_BACK_BYTES = 4 << 20;

export type SyncMode = 'always' | 'interval' | 'os';

export interface SyncOptions {
  readonly format: LogFormat;
  readonly sync: SyncMode;
  readonly syncIntervalMs: number;
  /** Bytes a file may have before the log goes to the next one; Infinity for a log of one file. */
  readonly rotateAt: number;
}

/** Knows how much of the current file is on stable storage, and makes the syncs that no writer waits for. */
export class Syncs {
  /** Everything before this position of the current file is on stable storage. */
  synced: number;
  private timer: NodeJS.Timeout | undefined;
  private underWay = false;
  private isDueAgain = false;
  private stopped = false;
  private paused = false;

  /** @param fail ends the writing: a failed sync is final */
  constructor(
    private readonly host: { readonly current: CurrentFile },
    private readonly options: SyncOptions,
    private readonly fail: (cause: unknown) => Error,
  ) {
    this.synced = host.current.file.end;
  }

  /** A group was written, as durably as the mode says. */
  wrote(): void {
    const { sync, rotateAt } = this.options;
    const { end } = this.host.current.file;
    if (sync === 'always') this.synced = end;
    else if (sync === 'interval') this.startTimer();
    else if (rotateAt < Infinity && end - this.synced >= WRITE_BACK_BYTES && !this.underWay) this.syncAside();
  }

  /** The current file is another one, and empty. */
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
   * Something runs alone, which may leave the current file and close it: nothing is synced beside that until
   * {@link resume}. What is left is made durable by whoever leaves it.
   */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    if (this.isDueAgain && !this.underWay) this.syncAside();
  }

  /** Ends the timer. */
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

  /** Syncs while writes go on. A failure is told to the next writer; nobody waits for this one. */
  private syncAside(): void {
    this.isDueAgain = this.underWay || this.paused;
    if (this.isDueAgain || this.stopped) return;
    const { current } = this.host;
    const { end } = current.file;
    if (this.synced === end) return;
    this.underWay = true;
    const done = () => {
      // The log may have gone to the next file, which made all of this one durable.
      if (this.host.current === current) this.synced = Math.max(this.synced, end);
      this.underWay = false;
      if (this.isDueAgain) this.syncAside();
    };
    current.sync().then(done, (error: unknown) => void this.fail(error));
  }
}

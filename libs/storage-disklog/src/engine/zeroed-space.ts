import type { FileHandle } from '../io/file-system.js';

/**
 * Initial and smallest step. Data written while zeros are on their way queues behind them at the device, so a log with
 * few writes gets small steps: the device writes one in less than the millisecond between a thousand writes a second.
 * A file shorter than its step gets a stretch of its own length instead, but at least {@link MIN_SIZE}.
 */
const MIN_STEP = 256 << 10;
const MAX_STEP = 4 << 20;
/**
 * A stretch used up sooner than this was too small; one that lasted more than four times as long was larger than
 * needed.
 */
const SHORT_MS = 50;
/**
 * A file smaller than this gets no zeros, since a thousand idle partitions must not cost a thousand stretches, unless
 * `MIN_WRITES` come within `MIN_WRITES_MS`. Group offsets, for example, are only a few bytes, but the file-system
 * writes caused by growing their file would delay everything published meanwhile.
 */
const MIN_SIZE = 64 << 10;
const MIN_WRITES = 16;
const MIN_WRITES_MS = 10_000;
/** A write this large pays for the file's growth by itself, and would only wait for zeros written ahead of it. */
const MAX_BYTES_OVER_ZEROS = 512 << 10;
const ZEROS = Buffer.alloc(256 << 10);

/**
 * Zeros ahead of the end of a file. Overwriting existing blocks makes a sync far cheaper than growing the file, which
 * also writes the file system's own records. The zeros are written in the background, through a handle of their own,
 * in stretches that grow with the file and with its write rate.
 */
export class ZeroedSpace {
  /** Bytes from here on are being filled; a write that reaches them waits. */
  private filling: { from: number; done: Promise<void> } | undefined;
  /** The end of what is written or being written. */
  private claimed: number;
  private filler: FileHandle | undefined;
  private step = MIN_STEP;
  /** Writes to a small file since `countedFrom`. */
  private writes = 0;
  private countedFrom = -Infinity;
  /** When the last stretch was begun. */
  private begun = -Infinity;
  /** No more zeros are written: the device ran out of space, or the file is closed. */
  private isOver = false;
  private givingBack: Promise<void> | undefined;
  private released = 0;

  constructor(
    /** Where the zeros end, or the file if there are none. */
    private end: number,
    /** No zeros are written beyond this. */
    private readonly maxBytes: number,
    private readonly open: () => Promise<FileHandle>,
  ) {
    this.claimed = end;
  }

  /**
   * Claims space for the next write.
   * @returns a promise that the write has to await if zeros are being written there
   */
  claim(end: number): Promise<void> | undefined {
    this.claimed = Math.max(this.claimed, end);
    return this.filling !== undefined && end > this.filling.from ? this.filling.done : undefined;
  }

  /** How often space was given back. If this rises, a write that found no space may now find some. */
  get releases(): number {
    return this.released;
  }

  /**
   * Starts filling the next stretch once a write, which ended at `end`, has used up half of the last one. To be
   * called after that write, when the device most likely has nothing else to do.
   */
  fillBehind(end: number, length: number): void {
    if (this.isOver || this.filling !== undefined || length >= MAX_BYTES_OVER_ZEROS) return;
    if (end < MIN_SIZE && !this.isBusy()) return;
    const from = Math.max(this.end, this.claimed);
    if (from - end > Math.min(this.step, end) / 2) return;
    const to = Math.min(from + this.nextStep(end), this.maxBytes);
    if (to - from < ZEROS.length / 4) return;
    const done = this.fill(from, to).finally(() => (this.filling = undefined));
    this.filling = { from, done };
  }

  /** Counts a write. Returns whether a small file is written often. */
  private isBusy(): boolean {
    const now = performance.now();
    if (now - this.countedFrom > MIN_WRITES_MS) {
      this.countedFrom = now;
      this.writes = 0;
    }
    return ++this.writes >= MIN_WRITES;
  }

  private nextStep(end: number): number {
    const now = performance.now();
    const ms = now - this.begun;
    this.begun = now;
    if (ms < SHORT_MS) this.step = Math.min(2 * this.step, MAX_STEP);
    else if (ms > 4 * SHORT_MS) this.step = Math.max(this.step / 2, MIN_STEP);
    return Math.min(this.step, Math.max(end, MIN_SIZE));
  }

  /**
   * Called when a write found no space: zeros must not take it from data. Cuts the zeros that no write has claimed
   * and writes no more into this file. Writes in flight lie before the cut; later ones wait for it.
   */
  giveBack(): Promise<void> {
    this.isOver = true;
    return (this.givingBack ??= this.cutUnused());
  }

  /** Resolves when no zeros are being written. */
  async settled(): Promise<void> {
    await this.filling?.done;
  }

  /** The file was cut here. */
  cutTo(end: number): void {
    this.claimed = this.end = end;
  }

  async close(): Promise<void> {
    this.isOver = true;
    await this.settled();
    const { filler } = this;
    this.filler = undefined;
    await filler?.close();
  }

  private async fill(from: number, to: number): Promise<void> {
    let at = from;
    try {
      const filler = (this.filler ??= await this.open());
      while (at < to) {
        const count = await filler.write(ZEROS, 0, Math.min(ZEROS.length, to - at), at);
        if (count === 0) break;
        at += count;
      }
      if (at === to) {
        await filler.sync();
        this.end = Math.max(this.end, to);
        return;
      }
    } catch {
      // Writes go on without zeros, and report it themselves if there is no space for data either.
    }
    this.isOver = true;
    if (at > from) await this.cut(from);
  }

  private async cutUnused(): Promise<void> {
    await this.settled();
    if (this.end <= this.claimed) return;
    // Without one more descriptor nothing can be given back; the write fails and the caller cuts the file.
    this.filler ??= await this.open().catch(() => undefined);
    if (this.filler === undefined || this.end <= this.claimed) return;
    const from = this.claimed;
    const done = this.cut(from).finally(() => (this.filling = undefined));
    this.filling = { from, done };
    this.end = from;
    await done;
  }

  /** Cuts zeros. Writes that reach beyond the cut wait for it. */
  private async cut(from: number): Promise<void> {
    try {
      await this.filler!.truncate(from);
      this.released++;
    } catch {
      // The zeros stay and are overwritten.
    }
  }
}

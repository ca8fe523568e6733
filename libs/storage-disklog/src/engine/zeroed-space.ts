import type { FileHandle } from '../io/file-system.js';

/**
 * Bytes of zeros written at once. Data that is written meanwhile queues behind them at the device, so they are few
 * where writes come now and then: these take the device less time than it has between a thousand writes a second.
 */
const MIN_STEP = 256 << 10;
const MAX_STEP = 4 << 20;
/** A step used up sooner than this was too small, and one that lasted four times as long is larger than it need be. */
const SHORT_MS = 50;
/**
 * A file smaller than this stays as it is, since a thousand idle partitions must not cost a thousand times the step;
 * unless so many writes come within this time. The offsets of groups are few bytes, and what their growing made the
 * file system write would delay all that is published meanwhile.
 */
const MIN_SIZE = 64 << 10;
const MIN_WRITES = 16;
const MIN_WRITES_MS = 10_000;
/** A write this large pays for the file's growth by itself, and would only wait for zeros that are written ahead of it. */
const MAX_BYTES_OVER_ZEROS = 512 << 10;
const ZEROS = Buffer.alloc(256 << 10);

/**
 * Space filled with zeros ahead of the end of a file: overwriting blocks that exist makes a sync far cheaper than
 * growing the file, which also writes the file system's own records. It is filled in the background, through a handle
 * of its own, in steps that grow with the file and with how fast it is written.
 */
export class ZeroedSpace {
  /** Bytes from here on are being filled: a write that reaches them waits. */
  private filling: { from: number; done: Promise<void> } | undefined;
  /** The end of what is written or being written. */
  private claimed: number;
  private filler: FileHandle | undefined;
  private step = MIN_STEP;
  /** Writes to a small file since then. */
  private writes = 0;
  private countedFrom = -Infinity;
  /** When the last stretch was begun. */
  private begun = -Infinity;
  /** No more zeros: the device had no room for some, or the file is closed. */
  private isOver = false;
  private givingBack: Promise<void> | undefined;
  private released = 0;

  constructor(
    /** Where it ends, or the file without it. */
    private end: number,
    /** No zeros are written beyond this. */
    private readonly maxBytes: number,
    private readonly open: () => Promise<FileHandle>,
  ) {
    this.claimed = end;
  }

  /**
   * Takes space for the next write.
   * @returns a promise where zeros are on their way there: the write has to wait for them
   */
  claim(end: number): Promise<void> | undefined {
    this.claimed = Math.max(this.claimed, end);
    return this.filling !== undefined && end > this.filling.from ? this.filling.done : undefined;
  }

  /** How often space was given back. Where that rises, a write that found no room may find it now. */
  get releases(): number {
    return this.released;
  }

  /**
   * Starts filling the next stretch once half of the last one is used up by a write, which ended here. To be called
   * when that write is over: most likely the device has nothing else to do then.
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

  /** Is a small file written often? Counts a write. */
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
   * A write found no room: zeros must not keep it from data. What is filled and not taken is cut, and none follow in this
   * file. Writes on their way stand before the cut, later ones wait for it.
   */
  giveBack(): Promise<void> {
    this.isOver = true;
    return (this.givingBack ??= this.cutUnused());
  }

  /** Resolves when no zeros are on their way. */
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
      // Writes go on without zeros, and say so themselves when there is no room for data either.
    }
    this.isOver = true;
    if (at > from) await this.cut(from);
  }

  private async cutUnused(): Promise<void> {
    await this.settled();
    if (this.end <= this.claimed) return;
    // Without one more descriptor there is no giving back; the write fails, and cuts the file.
    this.filler ??= await this.open().catch(() => undefined);
    if (this.filler === undefined || this.end <= this.claimed) return;
    const from = this.claimed;
    const done = this.cut(from).finally(() => (this.filling = undefined));
    this.filling = { from, done };
    this.end = from;
    await done;
  }

  /** Cuts zeros; who is to write after the cut waits meanwhile. */
  private async cut(from: number): Promise<void> {
    try {
      await this.filler!.truncate(from);
      this.released++;
    } catch {
      // They stay, and are overwritten.
    }
  }
}

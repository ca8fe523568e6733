import type { FileHandle } from '../io/file-system.js';

/** Zeros are written this far ahead at most. */
const MAX_STEP = 4 << 20;
/** A file smaller than this stays as it is: a thousand idle partitions must not cost a thousand times the step. */
const MIN_SIZE = 64 << 10;
/** A write this large pays for the file's growth by itself, and would only wait for the zeros behind it. */
const MAX_BYTES_OVER_ZEROS = 512 << 10;
const ZEROS = Buffer.alloc(256 << 10);

/**
 * Space filled with zeros ahead of the end of a file: overwriting blocks that exist makes a sync far cheaper than
 * growing the file, which also writes the file system's own records. It is filled in the background, through a handle
 * of its own, in steps that grow with the file.
 */
export class ZeroedSpace {
  /** Bytes from here on are being filled: a write that reaches them waits. */
  private filling: { from: number; done: Promise<void> } | undefined;
  /** The end of what is written or being written. */
  private claimed: number;
  private filler: FileHandle | undefined;
  /** No more zeros: the device had no room for some. */
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

  /** Starts filling the next stretch once half of the last one is used up by the write that ends here. */
  fillBehind(end: number, length: number): void {
    if (this.isOver || this.filling !== undefined || end < MIN_SIZE || length >= MAX_BYTES_OVER_ZEROS) return;
    const step = Math.min(MAX_STEP, end);
    const from = Math.max(this.end, this.claimed);
    const to = Math.min(from + step, this.maxBytes);
    if (from - end > step / 2 || to - from < ZEROS.length / 4) return;
    const done = this.fill(from, to).finally(() => (this.filling = undefined));
    this.filling = { from, done };
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

  /** Cuts zeros; who is to write behind the cut waits meanwhile. */
  private async cut(from: number): Promise<void> {
    try {
      await this.filler!.truncate(from);
      this.released++;
    } catch {
      // They stay, and are overwritten.
    }
  }
}

import type { FileHandle } from '../io/file-system.js';
import type { LogFile } from './log-file.js';
import type { MemoryKeys } from './memory-keys.js';
import { OwnThread } from './own-thread.js';

/** Zeros are written this far ahead at most. */
const MAX_STEP = 4 << 20;
/** A file smaller than this stays as it is: a thousand idle partitions must not cost a thousand times the step. */
const MIN_SIZE = 64 << 10;
const ZEROS = Buffer.alloc(256 << 10);

/** Writes that go to the page cache only may be made on this thread up to this size. */
const MAX_OWN_BYTES = 512 << 10;
const writes = new OwnThread(1);

/**
 * The file being written.
 *
 * Ahead of its end lies space filled with zeros: overwriting blocks that exist makes a sync far cheaper than growing
 * the file, which also writes the file system's own records. Zeros are never a valid item; they are cut when the file
 * is left or closed.
 */
export class CurrentFile {
  /** The end of the zero-filled space. */
  private zeroedEnd: number;
  /** Bytes from here on are being zero-filled: a write that reaches them waits. */
  private filling: { from: number; done: Promise<void> } | undefined;
  /** The end of what is written or being written. */
  private writtenEnd: number;
  private filler: FileHandle | undefined;
  private abandoned = false;

  constructor(
    readonly file: LogFile,
    readonly keys: MemoryKeys,
    /** Every write through it is durable when it resolves, under `sync: always`. */
    private readonly writer: FileHandle,
    /** Opens the file's other door, whose writes do not wait; undefined: no zeros are written ahead. */
    private readonly openFiller: (() => Promise<FileHandle>) | undefined,
    /** No zeros are written beyond this. */
    private readonly maxBytes: number,
    size: number,
  ) {
    this.writtenEnd = file.end;
    this.zeroedEnd = Math.max(size, file.end);
  }

  /**
   * Writes at the end of the committed items.
   * @returns nothing where the bytes are written already
   * @throws the system's error; a short count without an error (a full device) as ENOSPC
   */
  write(bytes: Buffer): Promise<void> | undefined {
    const isDurable = this.openFiller !== undefined;
    if (isDurable || bytes.length > MAX_OWN_BYTES) return this.writeInPool(bytes);
    const started = performance.now();
    if (!writes.isAllowed(started)) return this.writeInPool(bytes);
    for (let written = 0; written < bytes.length;) {
      const position = this.file.end + written;
      written += taken(this.writer.writeSync(bytes, written, bytes.length - written, position));
    }
    this.writtenEnd = this.zeroedEnd = this.file.end + bytes.length;
    const ended = performance.now();
    writes.took(ended - started, ended);
    return undefined;
  }

  private async writeInPool(bytes: Buffer): Promise<void> {
    const start = this.file.end;
    const end = start + bytes.length;
    this.writtenEnd = end;
    if (this.filling !== undefined && end > this.filling.from) await this.filling.done;
    this.fillAhead(end);
    for (let written = 0; written < bytes.length;) {
      written += taken(await this.writer.write(bytes, written, bytes.length - written, start + written));
    }
    if (end > this.zeroedEnd) this.zeroedEnd = end;
  }

  sync(): Promise<void> {
    return this.writer.sync();
  }

  /** Takes back what a failed write left behind the committed items. */
  async cutBack(): Promise<void> {
    await this.filling?.done;
    await this.writer.truncate(this.file.end);
    this.writtenEnd = this.zeroedEnd = this.file.end;
  }

  /** Cuts the zeros, marks the file closed and makes it durable. Its items stay readable. */
  async leave(): Promise<void> {
    await this.filling?.done;
    await this.writer.truncate(this.file.end);
    const head = this.file.format.fileHead('closed');
    if (head.length > 0) await this.writer.write(head, 0, head.length, 0);
    await this.writer.sync();
    await this.abandon();
  }

  /** Lets go of the file as it is. */
  async abandon(): Promise<void> {
    await this.filling?.done;
    // A second close would close whatever has got the descriptor's number meanwhile.
    if (this.abandoned) return;
    this.abandoned = true;
    await this.filler?.close();
    await this.writer.close();
  }

  /** Starts filling the next stretch with zeros once half of the last one is used up. */
  private fillAhead(end: number): void {
    if (this.openFiller === undefined || this.filling !== undefined || end < MIN_SIZE) return;
    const step = Math.min(MAX_STEP, end);
    const from = Math.max(this.zeroedEnd, this.writtenEnd);
    const to = Math.min(from + step, this.maxBytes);
    if (from - end > step / 2 || to - from < ZEROS.length / 4) return;
    const done = this.fill(from, to).then(
      () => {
        this.zeroedEnd = Math.max(this.zeroedEnd, to);
        this.filling = undefined;
      },
      () => {
        // No room for zeros: writes go on without them, and say so themselves when there is no room for data either.
        this.filling = undefined;
      },
    );
    this.filling = { from, done };
  }

  private async fill(from: number, to: number): Promise<void> {
    const filler = (this.filler ??= await this.openFiller!());
    for (let at = from; at < to;) {
      const count = await filler.write(ZEROS, 0, Math.min(ZEROS.length, to - at), at);
      if (count === 0) return;
      at += count;
    }
    await filler.sync();
  }
}

function taken(count: number): number {
  if (count === 0) throw Object.assign(new Error('write took no bytes'), { code: 'ENOSPC' });
  return count;
}

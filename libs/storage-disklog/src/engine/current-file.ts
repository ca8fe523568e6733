import type { FileHandle } from '../io/file-system.js';
import type { LogFile } from './log-file.js';
import type { MemoryKeys } from './memory-keys.js';
import { OwnThread } from './own-thread.js';

/** Zeros are written this far ahead at most. */
const MAX_STEP = 4 << 20;
/** A file smaller than this stays as it is: a thousand idle partitions must not cost a thousand times the step. */
const MIN_SIZE = 64 << 10;
/** A write this large pays for the file's growth by itself, and would only wait for the zeros behind it. */
const MAX_BYTES_OVER_ZEROS = 512 << 10;
const ZEROS = Buffer.alloc(256 << 10);

/** How a file's handles are opened. */
export interface FileDoors {
  /** Every write through the writer is on stable storage when it resolves. */
  readonly durable: boolean;
  /** Opens one more handle; undefined where zeros must not stand in the file, not even between two writes. */
  readonly open: ((options: { durable: boolean }) => Promise<FileHandle>) | undefined;
}

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
  /**
   * The other writer. Two durable writes under way at once need handles of their own: Linux tells each open file of a
   * failed write-back once, so on a shared one the second sync could take the first one's error for its own.
   */
  private secondWriter: FileHandle | undefined;
  private openingSecond: Promise<void> | undefined;
  private isWriterBusy = false;
  private syncing: Promise<void> | undefined;
  private abandoned = false;

  constructor(
    readonly file: LogFile,
    readonly keys: MemoryKeys,
    private readonly writer: FileHandle,
    private readonly doors: FileDoors,
    /** No zeros are written beyond this. */
    private readonly maxBytes: number,
    size: number,
  ) {
    this.writtenEnd = file.end;
    this.zeroedEnd = Math.max(size, file.end);
  }

  /**
   * May a write start while another one is under way? Where it may, but the handle for it is not there yet, that is
   * opened for the next time.
   */
  get canOverlap(): boolean {
    if (this.secondWriter !== undefined) return true;
    if (!this.doors.durable || this.doors.open === undefined) return false;
    this.openingSecond ??= this.doors.open({ durable: true }).then(
      (handle) => void (this.secondWriter = handle),
      // Out of descriptors, most likely: one write after the other does as well.
      () => undefined,
    );
    return false;
  }

  /**
   * Writes at a position: the end of the committed items, or of the write that is under way.
   * @returns nothing where the bytes are written already
   * @throws the system's error; a short count without an error (a full device) as ENOSPC
   */
  write(bytes: Buffer, at: number): Promise<void> | undefined {
    if (this.doors.durable || bytes.length > MAX_OWN_BYTES) return this.writeInPool(bytes, at);
    const started = performance.now();
    if (!writes.isAllowed(started)) return this.writeInPool(bytes, at);
    for (let written = 0; written < bytes.length;) {
      written += taken(this.writer.writeSync(bytes, written, bytes.length - written, at + written));
    }
    this.writtenEnd = this.zeroedEnd = at + bytes.length;
    const ended = performance.now();
    writes.took(ended - started, ended);
    return undefined;
  }

  private async writeInPool(bytes: Buffer, start: number): Promise<void> {
    const end = start + bytes.length;
    this.writtenEnd = end;
    const isSecond = this.isWriterBusy;
    const writer = isSecond ? this.secondWriter! : this.writer;
    if (!isSecond) this.isWriterBusy = true;
    try {
      if (this.filling !== undefined && end > this.filling.from) await this.filling.done;
      if (bytes.length < MAX_BYTES_OVER_ZEROS) this.fillAhead(end);
      for (let written = 0; written < bytes.length;) {
        written += taken(await writer.write(bytes, written, bytes.length - written, start + written));
      }
      if (end > this.zeroedEnd) this.zeroedEnd = end;
    } finally {
      if (!isSecond) this.isWriterBusy = false;
    }
  }

  /** Makes what was written durable. Writes may go on meanwhile; what they write is durable with the next sync. */
  sync(): Promise<void> {
    const before = this.syncing ?? Promise.resolve();
    const syncing = before.then(() => this.writer.sync());
    this.syncing = syncing;
    return syncing;
  }

  /** Takes back what a failed write left behind the committed items. No write may be under way. */
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
    await this.sync();
    await this.abandon();
  }

  /** Lets go of the file as it is. */
  async abandon(): Promise<void> {
    await this.filling?.done;
    await this.openingSecond;
    // Who asked for a sync that fails is told; here it only has to be over.
    await this.syncing?.catch(() => undefined);
    // A second close would close whatever has got the descriptor's number meanwhile.
    if (this.abandoned) return;
    this.abandoned = true;
    await this.filler?.close();
    await this.secondWriter?.close();
    await this.writer.close();
  }

  /** Starts filling the next stretch with zeros once half of the last one is used up. */
  private fillAhead(end: number): void {
    if (!this.doors.durable || this.doors.open === undefined) return;
    if (this.filling !== undefined || end < MIN_SIZE) return;
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
    const filler = (this.filler ??= await this.doors.open!({ durable: false }));
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

import type { FileHandle } from '../io/file-system.js';
import type { LogFile } from './log-file.js';
import type { MemoryKeys } from './memory-keys.js';
import { OwnThread } from './own-thread.js';
import { isNoSpace } from './write-failure.js';
import { WriteHandles } from './write-handles.js';
import { ZeroedSpace } from './zeroed-space.js';

/** How the handles of a file are opened. */
export interface FileDoors {
  /** Every write through the writer is on stable storage when it resolves. */
  readonly durable: boolean;
  /** Opens another handle; undefined if zeros must not appear in the file, not even between two writes. */
  readonly open: ((options: { durable: boolean }) => Promise<FileHandle>) | undefined;
}

/** Largest write to the page cache that may be made on this thread. */
const MAX_OWN_BYTES = 512 << 10;
const ownWrites = new OwnThread(1);

/**
 * The file being written. Zeros, which are never a valid item, may lie ahead of its end; they are cut when the file
 * is closed.
 */
export class CurrentFile {
  private readonly handles: WriteHandles;
  private readonly zeros: ZeroedSpace | undefined;
  private readonly durable: boolean;

  constructor(
    readonly file: LogFile,
    readonly keys: MemoryKeys,
    writer: FileHandle,
    { durable, open }: FileDoors,
    /** No zeros are written beyond this. */
    maxBytes: number,
    size: number,
  ) {
    this.durable = durable;
    if (durable && open !== undefined) {
      this.handles = new WriteHandles(writer, () => open({ durable: true }));
      this.zeros = new ZeroedSpace(Math.max(size, file.end), maxBytes, () => open({ durable: false }));
    } else this.handles = new WriteHandles(writer, undefined);
  }

  /** Whether a write may start while another one is under way. */
  get canOverlap(): boolean {
    return this.handles.canOverlap;
  }

  /**
   * Writes pieces, one after the other, at a position: the end of the committed items, or of the write under way.
   * @returns undefined if the bytes are written already
   * @throws the system's error; a short count without an error (a full device) as ENOSPC
   */
  write(pieces: readonly Buffer[], at: number): Promise<void> | undefined {
    if (this.zeros !== undefined) return this.writeOver(this.zeros, pieces, at);
    const [only] = pieces;
    if (this.durable || pieces.length > 1 || only!.length > MAX_OWN_BYTES)
      return this.handles.write(pieces, at);
    const started = performance.now();
    if (!ownWrites.isAllowed(started)) return this.handles.write(pieces, at);
    this.handles.writeSync(only!, at);
    const ended = performance.now();
    ownWrites.took(ended - started, ended);
    return undefined;
  }

  private writeOver(zeros: ZeroedSpace, pieces: readonly Buffer[], at: number): Promise<void> {
    let length = 0;
    for (const piece of pieces) length += piece.length;
    const end = at + length;
    const cleared = zeros.claim(end);
    if (cleared !== undefined) return cleared.then(() => this.writeOver(zeros, pieces, at));
    const { releases } = zeros;
    return this.handles.write(pieces, at).then(
      () => zeros.fillBehind(end, length),
      async (error: unknown) => {
        if (!isNoSpace(error)) throw error;
        await zeros.giveBack();
        if (zeros.releases === releases) throw error;
        await this.handles.write(pieces, at);
      },
    );
  }

  /** Makes what was written durable. Writes may go on meanwhile; the next sync covers them. */
  sync(): Promise<void> {
    return this.handles.sync();
  }

  /** Removes what a failed write left after the committed items. No write may be under way. */
  async cutBack(): Promise<void> {
    await this.cutZeros();
    this.zeros?.cutTo(this.file.end);
    // Without this sync, a power loss could leave whole items of the failed write right after the next write, as if
    // they followed it.
    await this.sync();
  }

  /** Cuts the zeros, marks the file closed and makes it durable. Its items stay readable. */
  async leave(): Promise<void> {
    // In a file marked closed, missing items and remaining zeros are damage. So the mark must not reach the device
    // before the items or the cut do.
    const hasUnsynced = (await this.cutZeros()) || !this.durable;
    const head = this.file.format.fileHead('closed');
    if (head.length > 0) {
      if (hasUnsynced) await this.sync();
      await this.handles.write([head], 0);
    }
    await this.sync();
    await this.abandon();
  }

  /** Closes the file as it is. */
  async abandon(): Promise<void> {
    await this.zeros?.close();
    await this.handles.close();
  }

  /** @returns false if nothing followed the committed items */
  private async cutZeros(): Promise<boolean> {
    await this.zeros?.settled();
    if (this.handles.size() <= this.file.end) return false;
    await this.handles.truncate(this.file.end);
    return true;
  }
}

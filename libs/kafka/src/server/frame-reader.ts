import type { MemoryBudget } from './memory-budget.js';
import { PieceQueue } from './piece-queue.js';
import { type BufferPool, pooledSize } from './buffer-pool.js';

/** Requests up to this size may be read without asking the budget. */
const FREE_BYTES = 16 * 1024;
/** What a connection may always hold of such requests. */
const MAX_FREE_BYTES = 64 * 1024;

/** One request as it came, and the memory it holds until it is given back. */
export interface Frame {
  readonly bytes: Buffer;
  /** @param unseen nobody can see its bytes any more: their memory may be used for others at once */
  release(unseen: boolean): void;
}

/**
 * Cuts what a client sends into requests; large ones come only when the budget of all clients has room for them, and
 * into buffers that are used again.
 */
export class FrameReader {
  private readonly received = new PieceQueue();
  /** Length of the request being read, undefined between requests. */
  private length: number | undefined;
  /** What there is of the request being read; undefined until the budget has granted it. */
  private body: Buffer | undefined;
  private filled = 0;
  private giveBack = () => {};
  private cancelTake = () => {};
  private free = MAX_FREE_BYTES;

  /** @param onGranted there is room for the request that waited for it */
  constructor(
    private readonly budget: MemoryBudget,
    private readonly buffers: BufferPool,
    private readonly onGranted: () => void,
  ) {}

  /** Bytes that came and belong to no request that was begun. */
  get waiting(): number {
    return this.received.length;
  }

  /** Part of a request is there. */
  get isReading(): boolean {
    return this.length !== undefined || this.received.length > 0;
  }

  /** The rest of a request waits for others to give memory back. */
  get isBlocked(): boolean {
    return this.length !== undefined && this.body === undefined;
  }

  /** The bytes of a whole request are there, though it may still wait for room. */
  get hasWhole(): boolean {
    const { length, body, received } = this;
    if (length !== undefined) return (body === undefined ? 0 : this.filled) + received.length >= length;
    const next = received.peekInt32();
    return next !== undefined && received.length >= 4 + next;
  }

  /** The request that was begun is there. */
  get isWhole(): boolean {
    return this.body !== undefined && this.filled === this.length;
  }

  /** Where the rest of a large request should go at once; undefined where nothing in particular is wanted. */
  get room(): Buffer | undefined {
    const { body, length } = this;
    if (body === undefined || this.isWhole || length! <= FREE_BYTES) return undefined;
    return body.subarray(this.filled, length);
  }

  /** @param piece bytes that lie at the beginning of {@link room}, or anywhere else until {@link keep} is called */
  push(piece: Buffer): void {
    const { body } = this;
    if (body === undefined) return this.received.push(piece);
    if (piece.buffer === body.buffer && piece.byteOffset === body.byteOffset + this.filled) {
      this.filled += piece.length;
      return;
    }
    const wanted = Math.min(piece.length, this.length! - this.filled);
    piece.copy(body, this.filled, 0, wanted);
    this.filled += wanted;
    if (wanted < piece.length) this.received.push(piece.subarray(wanted));
  }

  /** Makes the bytes that wait its own. */
  keep(): void {
    this.received.keep();
  }

  /**
   * Begins with the next request, where its length is there and none is begun.
   * @param sizes that a request may have now, in bytes
   * @returns false for a length that no request may have
   */
  begin(sizes: () => { readonly from: number; readonly to: number }): boolean {
    if (this.length !== undefined) return true;
    const length = this.received.peekInt32();
    if (length === undefined) return true;
    const { from, to } = sizes();
    if (length < from || length > to) return false;
    this.received.skip(4);
    this.length = length;
    this.admit(length);
    return true;
  }

  /** The request that was begun, undefined while it is not there as a whole. */
  take(): Frame | undefined {
    const { body, length, giveBack } = this;
    if (body === undefined || !this.isWhole) return undefined;
    this.length = undefined;
    this.body = undefined;
    this.giveBack = () => {};
    return { bytes: body.subarray(0, length), release: (unseen) => this.release(body, unseen, giveBack) };
  }

  /** The client is gone, and nothing will be read any more. */
  close(): void {
    this.cancelTake();
    if (this.body !== undefined) this.release(this.body, true, this.giveBack);
    this.length = undefined;
    this.body = undefined;
    this.received.clear();
  }

  private release(body: Buffer, unseen: boolean, giveBack: () => void): void {
    if (unseen && body.length > FREE_BYTES) this.buffers.give(body);
    giveBack();
  }

  private admit(length: number): void {
    if (length <= FREE_BYTES && length <= this.free) {
      this.free -= length;
      this.start(Buffer.allocUnsafe(length), () => void (this.free += length));
      return;
    }
    let waited = false;
    // What is held is the buffer, not what is in it.
    const held = length <= FREE_BYTES ? length : pooledSize(length);
    this.cancelTake = this.budget.take(held, () => {
      this.cancelTake = () => {};
      const body = length <= FREE_BYTES ? Buffer.allocUnsafe(length) : this.buffers.take(length);
      this.start(body, () => this.budget.give(held));
      if (waited) this.onGranted();
    });
    waited = true;
    // Granted at once: there is nothing to take back but the bytes themselves.
    if (this.body !== undefined) this.cancelTake = () => {};
  }

  private start(body: Buffer, giveBack: () => void): void {
    this.body = body;
    this.giveBack = giveBack;
    this.filled = this.received.moveTo(body, 0, this.length!);
  }
}

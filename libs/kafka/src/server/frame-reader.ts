import type { MemoryBudget } from './memory-budget.js';
import { PieceQueue } from './piece-queue.js';
import { type BufferPool, pooledSize } from './buffer-pool.js';

/** Requests up to this size are read without a reservation in the budget. */
const FREE_BYTES = 16 * 1024;
/** Most bytes of such requests that one connection may hold. */
const MAX_FREE_BYTES = 64 * 1024;

/** The bytes of one request, in memory that it holds until released. */
export interface Frame {
  readonly bytes: Buffer;
  /** @param unseen nothing reads the bytes any more, so that their memory may be reused at once */
  release(unseen: boolean): void;
}

/**
 * Splits a client's byte stream into requests. A large request is read only once the shared budget has room for it,
 * into a pooled buffer.
 */
export class FrameReader {
  private readonly received = new PieceQueue();
  /** Length of the request being read, undefined between requests. */
  private length: number | undefined;
  /** The buffer of the request being read; undefined until the budget has granted it. */
  private body: Buffer | undefined;
  private filled = 0;
  private giveBack = () => {};
  private cancelTake = () => {};
  private free = MAX_FREE_BYTES;

  /** @param onGranted called when a request that waited for the budget has got its memory */
  constructor(
    private readonly budget: MemoryBudget,
    private readonly buffers: BufferPool,
    private readonly onGranted: () => void,
  ) {}

  /** Bytes received beyond the request being read. */
  get waiting(): number {
    return this.received.length;
  }

  /** Whether part of a request has arrived. */
  get isReading(): boolean {
    return this.length !== undefined || this.received.length > 0;
  }

  /** Whether a request waits for memory that others hold. */
  get isBlocked(): boolean {
    return this.length !== undefined && this.body === undefined;
  }

  /** Whether a complete request has arrived, even if it still waits for memory. */
  get hasWhole(): boolean {
    const { length, body, received } = this;
    if (length !== undefined) return (body === undefined ? 0 : this.filled) + received.length >= length;
    const next = received.peekInt32();
    return next !== undefined && received.length >= 4 + next;
  }

  /** Whether the request that was begun is complete. */
  get isWhole(): boolean {
    return this.body !== undefined && this.filled === this.length;
  }

  /** Where the socket should put the rest of a large request; undefined if any buffer will do. */
  get room(): Buffer | undefined {
    const { body, length } = this;
    if (body === undefined || this.isWhole || length! <= FREE_BYTES) return undefined;
    return body.subarray(this.filled, length);
  }

  /** @param piece bytes at the start of {@link room}, or elsewhere; in that case valid until {@link keep} is called */
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

  /** Copies the waiting bytes, so that the caller's buffer may be reused. */
  keep(): void {
    this.received.keep();
  }

  /**
   * Begins the next request if its length has arrived and no other is begun.
   * @param sizes returns the range of lengths that a request may have now, in bytes
   * @returns false if the length is out of range
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

  /** Takes the request that was begun; undefined while it is incomplete. */
  take(): Frame | undefined {
    const { body, length, giveBack } = this;
    if (body === undefined || !this.isWhole) return undefined;
    this.length = undefined;
    this.body = undefined;
    this.giveBack = () => {};
    return { bytes: body.subarray(0, length), release: (unseen) => this.release(body, unseen, giveBack) };
  }

  /** The client is gone: releases all memory. */
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
    // The whole pooled buffer counts, not only the request in it.
    const held = length <= FREE_BYTES ? length : pooledSize(length);
    this.cancelTake = this.budget.take(held, () => {
      this.cancelTake = () => {};
      const body = length <= FREE_BYTES ? Buffer.allocUnsafe(length) : this.buffers.take(length);
      this.start(body, () => this.budget.give(held));
      if (waited) this.onGranted();
    });
    waited = true;
    // Granted at once, so there is no wait to cancel.
    if (this.body !== undefined) this.cancelTake = () => {};
  }

  private start(body: Buffer, giveBack: () => void): void {
    this.body = body;
    this.giveBack = giveBack;
    this.filled = this.received.moveTo(body, 0, this.length!);
  }
}

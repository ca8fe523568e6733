import type { MemoryBudget } from './memory-budget.js';
import { PieceQueue } from './piece-queue.js';

/** Requests up to this size may be read without asking the budget. */
const FREE_BYTES = 16 * 1024;
/** What a connection may always hold of such requests. */
const MAX_FREE_BYTES = 64 * 1024;

/** One request as it came, and the memory it holds until it is given back. */
export interface Frame {
  readonly bytes: Buffer;
  release(): void;
}

/** A length that no request may have. */
export const REFUSED = Symbol('refused');

/** Cuts what a client sends into requests; large ones come only when the budget of all clients has room for them. */
export class FrameReader {
  private readonly received = new PieceQueue();
  /** Length of the request being read, undefined between requests. */
  private length: number | undefined;
  /** The budget has granted the request being read. */
  private granted = false;
  private giveBack = () => {};
  private cancelTake = () => {};
  private free = MAX_FREE_BYTES;

  /** @param onGranted there is room for the request that waited for it */
  constructor(
    private readonly budget: MemoryBudget,
    private readonly onGranted: () => void,
  ) {}

  /** Bytes that came and belong to no request that was taken. */
  get waiting(): number {
    return this.received.length;
  }

  /** Part of a request is there. */
  get isReading(): boolean {
    return this.length !== undefined || this.received.length > 0;
  }

  /** The rest of a request waits for others to give memory back. */
  get isBlocked(): boolean {
    return this.length !== undefined && !this.granted;
  }

  push(piece: Buffer): void {
    this.received.push(piece);
  }

  /**
   * The next request, undefined while it is not there as a whole.
   * @param sizes that a request may have now, in bytes
   */
  next(sizes: () => { readonly from: number; readonly to: number }): Frame | undefined | typeof REFUSED {
    if (this.length === undefined) {
      const length = this.received.peekInt32();
      if (length === undefined) return undefined;
      const { from, to } = sizes();
      if (length < from || length > to) return REFUSED;
      this.received.take(4);
      this.length = length;
      this.admit(length);
    }
    if (!this.granted || this.received.length < this.length) return undefined;
    const bytes = this.received.take(this.length);
    const release = this.giveBack;
    this.length = undefined;
    this.granted = false;
    this.giveBack = () => {};
    return { bytes, release };
  }

  /** The client is gone. */
  close(): void {
    this.cancelTake();
    this.giveBack();
    this.giveBack = () => {};
    this.received.clear();
  }

  private admit(length: number): void {
    if (length <= FREE_BYTES && length <= this.free) {
      this.granted = true;
      this.free -= length;
      this.giveBack = () => void (this.free += length);
      return;
    }
    let waited = false;
    this.cancelTake = this.budget.take(length, () => {
      this.granted = true;
      this.cancelTake = () => {};
      this.giveBack = () => this.budget.give(length);
      if (waited) this.onGranted();
    });
    waited = true;
    // Granted at once: there is nothing to take back but the bytes themselves.
    if (this.granted) this.cancelTake = () => {};
  }
}

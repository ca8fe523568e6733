import { BackpressureError } from '../errors.js';
import { Fifo } from '../fifo.js';
import type { PublishBudget } from './publish-budget.js';

/** A call that waits for room. */
interface Waiting {
  readonly bytes: number;
  admit(): void;
}

/**
 * Admits calls to one partition's queue, in order, while the service's budget and the partition's share of it
 * have room. Calls without room wait, up to as many bytes again as the share; beyond that they are refused.
 */
export class Admission {
  private readonly waiting = new Fifo<Waiting>();
  private heldBytes = 0;
  private waitingBytes = 0;

  constructor(
    private readonly topic: string,
    private readonly partition: number,
    private readonly budget: PublishBudget,
  ) {}

  get bytes(): number {
    return this.heldBytes + this.waitingBytes;
  }

  /** Whether calls are waiting for room. */
  get isFull(): boolean {
    return this.waiting.length > 0;
  }

  /** Takes room if there is any and no call is waiting; false otherwise. */
  enters(bytes: number): boolean {
    if (this.isFull || !this.hasRoom(bytes)) return false;
    this.take(bytes);
    return true;
  }

  /**
   * Makes a call wait until there is room for it. The first waiting call is accepted whatever its size.
   * @param keep copies what the call needs, and returns the function that continues it once it has room
   * @throws {BackpressureError} `BACKPRESSURE`
   */
  wait(bytes: number, keep: () => () => void): void {
    if (this.isFull && this.waitingBytes + bytes > this.budget.share) {
      throw new BackpressureError(this.topic, this.partition, this.bytes, this.budget.share);
    }
    this.waiting.push({ bytes, admit: keep() });
    this.waitingBytes += bytes;
  }

  /** Returns room and admits waiting calls. */
  give(bytes: number): void {
    this.heldBytes -= bytes;
    this.budget.give(bytes);
    for (let next = this.waiting.at(0); next !== undefined; next = this.waiting.at(0)) {
      if (!this.hasRoom(next.bytes)) return;
      this.waiting.shift();
      this.waitingBytes -= next.bytes;
      this.take(next.bytes);
      next.admit();
    }
  }

  private hasRoom(bytes: number): boolean {
    // An empty partition admits any call, however large: no other call could ever make more room for it.
    if (this.heldBytes === 0) return true;
    return this.heldBytes + bytes <= this.budget.share && this.budget.hasRoom(bytes);
  }

  private take(bytes: number): void {
    this.heldBytes += bytes;
    this.budget.take(bytes);
  }
}

import { BackpressureError } from '../errors.js';
import { Fifo } from '../fifo.js';
import type { PublishBudget } from './publish-budget.js';

/** A call that waits for room. */
interface Waiting {
  readonly bytes: number;
  admit(): void;
}

/**
 * Lets calls into one partition's queue, in their order, as far as the budget of the service and the partition's share of
 * it have room. What finds none waits, up to as much again, and is refused beyond that.
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

  /** Somebody waits for room. */
  get isFull(): boolean {
    return this.waiting.length > 0;
  }

  /** Takes room where there is some and nobody was before. */
  enters(bytes: number): boolean {
    if (this.isFull || !this.hasRoom(bytes)) return false;
    this.take(bytes);
    return true;
  }

  /**
   * Has a call wait until there is room for it.
   * @param keep makes what the call needs its own, and says how to go on once the room is taken
   * @throws {BackpressureError} `BACKPRESSURE`
   */
  wait(bytes: number, keep: () => () => void): void {
    if (this.isFull && this.waitingBytes + bytes > this.budget.share) {
      throw new BackpressureError(this.topic, this.partition, this.bytes, this.budget.share);
    }
    this.waiting.push({ bytes, admit: keep() });
    this.waitingBytes += bytes;
  }

  /** Gives room back, and lets in those who wait for it. */
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
    // An empty partition always takes one call, however large: nobody would be left to make room for it.
    if (this.heldBytes === 0) return true;
    return this.heldBytes + bytes <= this.budget.share && this.budget.hasRoom(bytes);
  }

  private take(bytes: number): void {
    this.heldBytes += bytes;
    this.budget.take(bytes);
  }
}

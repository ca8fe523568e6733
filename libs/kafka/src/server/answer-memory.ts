import type { BufferPool } from './buffer-pool.js';

/** What the answers of all connections share. */
export interface AnswerBudget {
  /** Bytes of answers that are being made, and of those that clients have not read yet. */
  bytes: number;
  readonly limit: number;
  readonly pool: BufferPool;
}

/** The memory of one answer, from when its records are read until the client has it. */
export class AnswerMemory {
  private readonly buffers: Buffer[] = [];
  private taken = 0;

  constructor(private readonly budget: AnswerBudget) {}

  /** Bytes that may still be taken; more clients that read slowly make it less. */
  get room(): number {
    return Math.max(0, this.budget.limit - this.budget.bytes);
  }

  /** Memory that is good until {@link release}. */
  readonly allocate = (bytes: number): Buffer => {
    const buffer = this.budget.pool.take(bytes);
    this.buffers.push(buffer);
    this.hold(this.taken + buffer.length);
    return buffer.subarray(0, bytes);
  };

  /** The answer is this large, in memory of its own or of others. */
  hold(bytes: number): void {
    if (bytes <= this.taken) return;
    this.budget.bytes += bytes - this.taken;
    this.taken = bytes;
  }

  /** Gives everything back. Nobody may look at it any more; what is allocated afterwards is given back by another call. */
  release(): void {
    this.budget.bytes -= this.taken;
    this.taken = 0;
    for (let buffer = this.buffers.pop(); buffer !== undefined; buffer = this.buffers.pop()) {
      this.budget.pool.give(buffer);
    }
  }
}

import type { BufferPool } from './buffer-pool.js';

/** The memory that the answers of all connections share. */
export interface AnswerBudget {
  /** Bytes of answers being built, and of those that clients have not received yet. */
  bytes: number;
  readonly limit: number;
  readonly pool: BufferPool;
}

/** The memory of one answer, from reading its records until the client has received it. */
export class AnswerMemory {
  private readonly buffers: Buffer[] = [];
  private taken = 0;

  constructor(private readonly budget: AnswerBudget) {}

  /** Bytes left in the shared budget. */
  get room(): number {
    return Math.max(0, this.budget.limit - this.budget.bytes);
  }

  /** Allocates memory that is valid until {@link release}. */
  readonly allocate = (bytes: number): Buffer => {
    const buffer = this.budget.pool.take(bytes);
    this.buffers.push(buffer);
    this.hold(this.taken + buffer.length);
    return buffer.subarray(0, bytes);
  };

  /** Accounts for an answer of this size, whether its memory comes from {@link allocate} or from elsewhere. */
  hold(bytes: number): void {
    if (bytes <= this.taken) return;
    this.budget.bytes += bytes - this.taken;
    this.taken = bytes;
  }

  /** Returns all memory; none of it may be read afterwards. Later allocations need another call. */
  release(): void {
    this.budget.bytes -= this.taken;
    this.taken = 0;
    for (let buffer = this.buffers.pop(); buffer !== undefined; buffer = this.buffers.pop()) {
      this.budget.pool.give(buffer);
    }
  }
}

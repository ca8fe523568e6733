/** Buffers kept for reuse, at most. */
const MAX_FREE = 8;

/**
 * Buffers of one size to pack batches in. A batch's size is known only when it is packed, and growing a buffer step
 * by step costs more than the packing; here a batch is packed where there is room, and copied out once.
 */
export class ScratchPool {
  private readonly free: Buffer[] = [];
  private made = 0;

  constructor(readonly bytes: number) {}

  /** Undefined while all are in use. */
  take(): Buffer | undefined {
    const buffer = this.free.pop();
    if (buffer !== undefined || this.made >= MAX_FREE) return buffer;
    this.made++;
    return Buffer.allocUnsafeSlow(this.bytes);
  }

  give(buffer: Buffer): void {
    this.free.push(buffer);
  }
}

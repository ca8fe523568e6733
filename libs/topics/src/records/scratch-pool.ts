/** Most buffers the pool creates. */
const MAX_FREE = 8;

/**
 * Pool of equally sized buffers for packing batches. A batch's size is known only once it is packed, and
 * growing a buffer step by step costs more than the packing. So a batch is packed into a large buffer and
 * copied out once.
 */
export class ScratchPool {
  private readonly free: Buffer[] = [];
  private made = 0;

  constructor(readonly bytes: number) {}

  /** Takes a buffer; undefined while all are in use. */
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

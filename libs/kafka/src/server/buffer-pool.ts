/** The range of pooled sizes, all powers of two. Smaller buffers are cheap to allocate, larger ones are rare. */
const SMALLEST = 16 * 1024;
const LARGEST = 4 * 1024 * 1024;

interface Shelf {
  readonly idle: Buffer[];
  /** The lowest number of idle buffers since the last sweep: so many were never needed. */
  spare: number;
}

/**
 * A pool of large buffers. Without it, every answer would leave megabytes of garbage for the collector to find and the
 * kernel to map anew.
 */
export class BufferPool {
  private readonly shelves = new Map<number, Shelf>();
  private idle = 0;

  /** @param limit most bytes of idle buffers */
  constructor(private readonly limit: number) {}

  get idleBytes(): number {
    return this.idle;
  }

  /** Returns an uninitialized buffer of at least this size. */
  take(bytes: number): Buffer {
    const size = pooledSize(bytes);
    const shelf = this.shelves.get(size);
    const buffer = shelf?.idle.pop();
    if (buffer === undefined)
      return size < SMALLEST ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size);
    shelf!.spare = Math.min(shelf!.spare, shelf!.idle.length);
    this.idle -= size;
    return buffer;
  }

  /** Takes back a buffer from {@link take}. The caller must not use it afterwards. */
  give(buffer: Buffer): void {
    const { length: size } = buffer;
    if (size < SMALLEST || size > LARGEST || this.idle + size > this.limit) return;
    let shelf = this.shelves.get(size);
    if (shelf === undefined) this.shelves.set(size, (shelf = { idle: [], spare: 0 }));
    shelf.idle.push(buffer);
    this.idle += size;
  }

  /** Drops the buffers that were idle all the time since the last call. */
  sweep(): void {
    for (const [size, shelf] of this.shelves) {
      shelf.idle.splice(0, shelf.spare);
      this.idle -= shelf.spare * size;
      shelf.spare = shelf.idle.length;
    }
  }
}

/** The size of the buffer that {@link BufferPool.take} returns for so many bytes. */
export function pooledSize(bytes: number): number {
  if (bytes < SMALLEST || bytes > LARGEST) return bytes;
  return 2 ** Math.ceil(Math.log2(bytes));
}

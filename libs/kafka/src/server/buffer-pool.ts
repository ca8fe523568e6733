/** Buffers come in powers of two. Smaller ones cost little to make, and larger ones are rare. */
const SMALLEST = 16 * 1024;
const LARGEST = 4 * 1024 * 1024;

interface Shelf {
  readonly idle: Buffer[];
  /** The fewest idle ones since the last sweep: nobody has needed so many. */
  spare: number;
}

/**
 * Large buffers that are used again. What is read for one answer after the other would otherwise be megabytes of garbage
 * in no time, each of which the collector has to find first and the kernel to map anew.
 */
export class BufferPool {
  private readonly shelves = new Map<number, Shelf>();
  private idle = 0;

  /** @param limit bytes kept at most while nobody uses them */
  constructor(private readonly limit: number) {}

  get idleBytes(): number {
    return this.idle;
  }

  /** A buffer of at least this size, with whatever is in it. */
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

  /** Takes a buffer of {@link take} back. Nobody may look at it any more. */
  give(buffer: Buffer): void {
    const { length: size } = buffer;
    if (size < SMALLEST || size > LARGEST || this.idle + size > this.limit) return;
    let shelf = this.shelves.get(size);
    if (shelf === undefined) this.shelves.set(size, (shelf = { idle: [], spare: 0 }));
    shelf.idle.push(buffer);
    this.idle += size;
  }

  /** Lets go of what nobody has needed since the last call. */
  sweep(): void {
    for (const [size, shelf] of this.shelves) {
      shelf.idle.splice(0, shelf.spare);
      this.idle -= shelf.spare * size;
      shelf.spare = shelf.idle.length;
    }
  }
}

/** The size of the buffer that is taken for so many bytes. */
export function pooledSize(bytes: number): number {
  if (bytes < SMALLEST || bytes > LARGEST) return bytes;
  return 2 ** Math.ceil(Math.log2(bytes));
}

const LEAST_CAPACITY = 16;
/** An empty queue releases a ring larger than this. */
const MAX_IDLE_CAPACITY = 1024;

/** A queue in a growing ring buffer: filling and emptying it over and over allocates nothing. */
export class Fifo<T> {
  private ring: (T | undefined)[] = [];
  /** One less than the ring's capacity, which is a power of two. */
  private mask = -1;
  private head = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  at(index: number): T | undefined {
    return index < this.count ? this.ring[(this.head + index) & this.mask] : undefined;
  }

  push(item: T): void {
    if (this.count > this.mask) this.grow();
    this.ring[(this.head + this.count++) & this.mask] = item;
  }

  shift(): T | undefined {
    if (this.count === 0) return undefined;
    const item = this.ring[this.head];
    // The ring must not keep a removed item alive.
    this.ring[this.head] = undefined;
    this.head = (this.head + 1) & this.mask;
    if (--this.count === 0 && this.mask >= MAX_IDLE_CAPACITY) this.reset();
    return item;
  }

  private reset(): void {
    this.ring = [];
    this.mask = -1;
    this.head = 0;
  }

  private grow(): void {
    const capacity = Math.max(LEAST_CAPACITY, 2 * (this.mask + 1));
    const ring = new Array<T | undefined>(capacity).fill(undefined);
    for (let i = 0; i < this.count; i++) ring[i] = this.at(i);
    this.ring = ring;
    this.mask = capacity - 1;
    this.head = 0;
  }
}

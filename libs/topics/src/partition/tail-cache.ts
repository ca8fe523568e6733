import type { Allocate } from '@genrocks/storage';
import { Fifo } from '../fifo.js';
import { baseOffsetOf, nextOffsetOf } from '../records/batch-header.js';

/** Memory is taken in slabs of this size, or of an eighth of a smaller limit. */
const MAX_SLAB_BYTES = 4 * 1024 * 1024;
/** What a cached batch costs besides its bytes. */
const ENTRY_OVERHEAD = 160;
/** How long memory is kept that nothing is cached in any more. */
const SPARE_MS = 10_000;

/** A stretch of the cache's memory, filled from its start. */
interface Slab {
  readonly bytes: Buffer;
  used: number;
  /** Batches in it that can still be read. */
  live: number;
}

interface CachedBatch {
  readonly tail: CachedTail;
  readonly slab: Slab;
  readonly start: number;
  readonly length: number;
  readonly baseOffset: number;
  readonly nextOffset: number;
}

/**
 * Memory for the newest batches of all partitions, bounded in bytes: a ring of slabs that are filled over and over, so
 * that a stream of batches leaves nothing behind for the garbage collector. Batches are copied in, and copied out to
 * readers; nobody but the cache ever holds a view of its slabs, which is why they can be filled again at any time.
 *
 * Memory that partitions leave behind which close or are truncated is kept a little: who comes next would have to fetch it
 * from the kernel again, and the garbage collector would look for it through the whole heap.
 *
 * The oldest slab goes first, whosever batches are in it: so every partition's cached batches stay one unbroken run up
 * to its end, and readers that keep up never go to the store.
 */
export class TailCache {
  /** All slabs in the order they were filled; the last one is being filled. */
  private readonly slabs = new Fifo<Slab>();
  private readonly order = new Fifo<CachedBatch>();
  private readonly slabBytes: number;
  /** Memory of slabs, for the next ones. It counts as held. */
  private readonly spare: Buffer[] = [];
  private release: NodeJS.Timeout | undefined;
  private held = 0;

  constructor(readonly limit: number) {
    this.slabBytes = Math.min(MAX_SLAB_BYTES, Math.floor(limit / 8));
  }

  /** Memory it holds, whether something is cached in it or not; never more than the limit. */
  get bytes(): number {
    return this.held;
  }

  /** The cached run of one partition. */
  tail(): CachedTail {
    return new CachedTail(this);
  }

  /**
   * Copies a batch in; undefined where it is larger than all memory there may be.
   * @internal
   */
  add(tail: CachedTail, batch: Buffer): CachedBatch | undefined {
    const { length } = batch;
    if (length + ENTRY_OVERHEAD > this.limit) return undefined;
    const slab = this.slabFor(length);
    const entry: CachedBatch = {
      tail,
      slab,
      start: slab.used,
      length,
      baseOffset: baseOffsetOf(batch),
      nextOffset: nextOffsetOf(batch),
    };
    slab.bytes.set(batch, slab.used);
    slab.used += length;
    slab.live++;
    this.held += ENTRY_OVERHEAD;
    this.order.push(entry);
    return entry;
  }

  /**
   * Its partition reads the batch no more.
   * @internal
   */
  forget({ slab }: CachedBatch): void {
    slab.live--;
  }

  /**
   * Lets go of the oldest slabs that nobody reads.
   * @internal
   */
  trim(): void {
    while (this.slabs.at(0)?.live === 0) this.keep(this.evict());
  }

  /** Lets go of the memory that nothing is cached in. */
  releaseSpare(): void {
    clearTimeout(this.release);
    this.release = undefined;
    while (this.takeSpare() !== undefined);
  }

  /** A slab with room for a batch. */
  private slabFor(bytes: number): Slab {
    const last = this.slabs.at(this.slabs.length - 1);
    if (last !== undefined && last.used + bytes <= last.bytes.length) {
      while (this.held + ENTRY_OVERHEAD > this.limit && this.takeSpare() === undefined) {
        if (this.slabs.length === 1) break;
        this.evict();
      }
      return last;
    }
    const size = Math.max(bytes, this.slabBytes);
    const slab = { bytes: this.memoryOf(size), used: 0, live: 0 };
    this.held += size;
    this.slabs.push(slab);
    return slab;
  }

  private memoryOf(size: number): Buffer {
    let memory = size === this.slabBytes ? this.takeSpare() : undefined;
    while (this.held + size + ENTRY_OVERHEAD > this.limit) {
      const freed = this.takeSpare() ?? this.evict().bytes;
      if (freed.length === size) memory = freed;
    }
    // Not of Node's pool, and not zeroed: only what batches were copied to is ever read.
    return memory ?? Buffer.allocUnsafeSlow(size);
  }

  private keep({ bytes }: Slab): void {
    if (bytes.length !== this.slabBytes) return;
    this.spare.push(bytes);
    this.held += bytes.length;
    this.release ??= setTimeout(() => this.releaseSpare(), SPARE_MS).unref();
  }

  /** Memory that was kept, which counts no longer. */
  private takeSpare(): Buffer | undefined {
    const memory = this.spare.pop();
    if (memory !== undefined) this.held -= memory.length;
    return memory;
  }

  private evict(): Slab {
    const slab = this.slabs.shift()!;
    this.held -= slab.bytes.length;
    for (let oldest = this.order.at(0); oldest?.slab === slab; oldest = this.order.at(0)) {
      this.order.shift();
      this.held -= ENTRY_OVERHEAD;
      oldest.tail.drop(oldest);
    }
    return slab;
  }
}

/** The newest batches of one partition, in offset order and without a hole. */
export class CachedTail {
  private readonly entries = new Fifo<CachedBatch>();
  private held = 0;

  constructor(private readonly cache: TailCache) {}

  /** Bytes of its batches. */
  get bytes(): number {
    return this.held;
  }

  /** Copies the partition's next batch in. */
  push(batch: Buffer): void {
    if (this.cache.limit === 0) return;
    const entry = this.cache.add(this, batch);
    if (entry === undefined) return this.clear();
    this.entries.push(entry);
    this.held += entry.length;
  }

  /**
   * Copies of the batches from the one that holds `offset` on, up to `maxBytes` but at least one; undefined on a miss.
   * @param allocate where they are copied to, one after the other. Default: memory of their own
   */
  read(offset: number, maxBytes: number, allocate?: Allocate): Buffer[] | undefined {
    const run = this.run(offset, maxBytes);
    if (run === undefined) return undefined;
    const target = run.bytes === 0 ? undefined : allocate?.(run.bytes);
    const batches = new Array<Buffer>(run.to - run.from);
    let at = 0;
    for (let i = 0; i < batches.length; i++) {
      const { slab, start, length } = this.entries.at(run.from + i)!;
      const own = target?.subarray(at, at + length) ?? Buffer.allocUnsafe(length);
      slab.bytes.copy(own, 0, start, start + length);
      batches[i] = own;
      at += length;
    }
    return batches;
  }

  /** Base offset of the last cached batch that does not begin above `offset`; undefined on a miss. */
  floorBase(offset: number): number | undefined {
    return this.reaches(offset) ? this.entries.at(this.floor(offset))!.baseOffset : undefined;
  }

  clear(): void {
    for (let entry = this.entries.shift(); entry !== undefined; entry = this.entries.shift()) {
      this.cache.forget(entry);
    }
    this.held = 0;
    this.cache.trim();
  }

  /**
   * The cache takes the memory of a batch, which is the oldest one here unless it was forgotten before.
   * @internal
   */
  drop(entry: CachedBatch): void {
    if (this.entries.at(0) !== entry) return;
    this.entries.shift();
    this.held -= entry.length;
    this.cache.forget(entry);
  }

  private reaches(offset: number): boolean {
    const first = this.entries.at(0);
    return first !== undefined && offset >= first.baseOffset;
  }

  /** Which batches a read is answered with. */
  private run(offset: number, maxBytes: number): { from: number; to: number; bytes: number } | undefined {
    if (!this.reaches(offset)) return undefined;
    const { entries } = this;
    let from = this.floor(offset);
    // After the last record of a batch, and before the next one: a gap.
    if (entries.at(from)!.nextOffset <= offset) from++;
    let bytes = 0;
    let to = from;
    for (; to < entries.length; to++) {
      const { length } = entries.at(to)!;
      if (to > from && bytes + length > maxBytes) break;
      bytes += length;
    }
    return { from, to, bytes };
  }

  private floor(offset: number): number {
    let low = 0;
    let high = this.entries.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.entries.at(middle)!.baseOffset <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

import type { Allocate } from '@genrocks/storage';
import { Fifo } from '../fifo.js';
import { baseOffsetOf, nextOffsetOf } from '../records/batch-header.js';

/** Size of a slab, unless an eighth of the cache's limit is smaller. */
const MAX_SLAB_BYTES = 4 * 1024 * 1024;
/** Estimated overhead of a cached batch, in bytes. */
const ENTRY_OVERHEAD = 160;
/** How long unused memory is kept. */
const SPARE_MS = 10_000;

/** A block of the cache's memory, filled from its start. */
interface Slab {
  readonly bytes: Buffer;
  used: number;
  /** Number of batches in it that can still be read. */
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
 * Cache of the newest batches of all partitions, bounded in bytes. It is a ring of slabs that are reused, so
 * that a stream of batches creates no garbage. Batches are copied in, and copied out to readers. Nobody but
 * the cache holds a view of a slab, so a slab can be reused at any time.
 *
 * The oldest slab is evicted first, regardless of whose batches it holds. So every partition's cached batches
 * stay one unbroken run up to its end, and readers that keep up never go to the store.
 *
 * Memory of partitions that close or are truncated is kept for a while: otherwise the next user would have to
 * get it from the kernel again, and the garbage collector would scan the whole heap for it.
 */
export class TailCache {
  /** Slabs in the order they were filled; the last one is being filled. */
  private readonly slabs = new Fifo<Slab>();
  private readonly order = new Fifo<CachedBatch>();
  private readonly slabBytes: number;
  /** Memory of former slabs, kept for new ones. It counts as held. */
  private readonly spare: Buffer[] = [];
  private release: NodeJS.Timeout | undefined;
  private held = 0;

  constructor(readonly limit: number) {
    this.slabBytes = Math.min(MAX_SLAB_BYTES, Math.floor(limit / 8));
  }

  /** Memory the cache holds, used or not; never more than the limit. */
  get bytes(): number {
    return this.held;
  }

  /** Creates the cache of one partition. */
  tail(): CachedTail {
    return new CachedTail(this);
  }

  /** Copies a batch in; undefined if it is larger than the limit. @internal */
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

  /** The partition no longer reads the batch. @internal */
  forget({ slab }: CachedBatch): void {
    slab.live--;
  }

  /** Evicts the oldest slabs as long as they hold no readable batch. @internal */
  trim(): void {
    while (this.slabs.at(0)?.live === 0) this.keep(this.evict());
  }

  /** Releases the spare memory. */
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
    // Not from Node's pool, and not zeroed: only bytes that batches were copied to are ever read.
    return memory ?? Buffer.allocUnsafeSlow(size);
  }

  private keep({ bytes }: Slab): void {
    if (bytes.length !== this.slabBytes) return;
    this.spare.push(bytes);
    this.held += bytes.length;
    this.release ??= setTimeout(() => this.releaseSpare(), SPARE_MS).unref();
  }

  /** Takes spare memory, which then no longer counts as held. */
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

/** The newest batches of one partition, in offset order and without holes. */
export class CachedTail {
  private readonly entries = new Fifo<CachedBatch>();
  private held = 0;

  constructor(private readonly cache: TailCache) {}

  /** Bytes of the cached batches. */
  get bytes(): number {
    return this.held;
  }

  /** Adds a copy of the partition's next batch. */
  push(batch: Buffer): void {
    if (this.cache.limit === 0) return;
    const entry = this.cache.add(this, batch);
    if (entry === undefined) return this.clear();
    this.entries.push(entry);
    this.held += entry.length;
  }

  /**
   * Copies of the batches from the one that contains `offset` on, up to `maxBytes` but at least one;
   * undefined on a miss.
   * @param allocate allocates the memory they are copied into, one after the other. Default: each batch gets
   *   memory of its own
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

  /** Base offset of the last cached batch that does not start above `offset`; undefined on a miss. */
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
   * The cache reclaims the memory of a batch. It is the oldest one here, unless it was forgotten before.
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

  /** The range of entries that answers a read. */
  private run(offset: number, maxBytes: number): { from: number; to: number; bytes: number } | undefined {
    if (!this.reaches(offset)) return undefined;
    const { entries } = this;
    let from = this.floor(offset);
    // The offset lies in a gap after this batch.
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

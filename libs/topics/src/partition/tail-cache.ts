import { Fifo } from '../fifo.js';
import { baseOffsetOf, nextOffsetOf } from '../records/batch-header.js';

/** What a cached batch costs besides its bytes. */
const ENTRY_OVERHEAD = 160;

interface CachedBatch {
  readonly tail: CachedTail;
  batch: Buffer | undefined;
}

/**
 * Memory for the newest batches of all partitions, bounded in bytes. The oldest batch goes first, whosever it is:
 * so every partition's cached batches stay one unbroken run up to its end, and readers that keep up never go to
 * the store.
 */
export class TailCache {
  private readonly order = new Fifo<CachedBatch>();
  private used = 0;

  constructor(readonly limit: number) {}

  get bytes(): number {
    return this.used;
  }

  /** The cached run of one partition. */
  tail(): CachedTail {
    return new CachedTail(this);
  }

  /** @internal */
  add(tail: CachedTail, batch: Buffer): CachedBatch {
    const entry: CachedBatch = { tail, batch };
    this.order.push(entry);
    this.used += batch.length + ENTRY_OVERHEAD;
    return entry;
  }

  /** @internal */
  forget(entry: CachedBatch): void {
    if (entry.batch === undefined) return;
    this.used -= entry.batch.length + ENTRY_OVERHEAD;
    entry.batch = undefined;
  }

  /** @internal */
  shrink(): void {
    while (this.used > this.limit) {
      const oldest = this.order.shift();
      if (oldest === undefined) return;
      if (oldest.batch !== undefined) oldest.tail.dropOldest();
    }
  }
}

/** The newest batches of one partition, in offset order and without a hole. */
export class CachedTail {
  private readonly entries = new Fifo<CachedBatch>();
  private held = 0;

  constructor(private readonly cache: TailCache) {}

  get bytes(): number {
    return this.held;
  }

  push(batch: Buffer): void {
    if (this.cache.limit === 0) return;
    this.entries.push(this.cache.add(this, batch));
    this.held += batch.length;
    this.cache.shrink();
  }

  /** Cached batches from the one that holds `offset` on, up to `maxBytes` but at least one; undefined on a miss. */
  read(offset: number, maxBytes: number): Buffer[] | undefined {
    const { entries } = this;
    if (entries.length === 0 || offset < baseOffsetOf(entries.at(0)!.batch!)) return undefined;
    const batches: Buffer[] = [];
    let bytes = 0;
    for (let i = this.floor(offset); i < entries.length; i++) {
      const batch = entries.at(i)!.batch!;
      if (batches.length === 0 && nextOffsetOf(batch) <= offset) continue;
      if (batches.length > 0 && bytes + batch.length > maxBytes) break;
      batches.push(batch);
      bytes += batch.length;
    }
    return batches;
  }

  /** Base offset of the last cached batch that does not begin above `offset`; undefined on a miss. */
  floorBase(offset: number): number | undefined {
    if (this.entries.length === 0 || offset < baseOffsetOf(this.entries.at(0)!.batch!)) return undefined;
    return baseOffsetOf(this.entries.at(this.floor(offset))!.batch!);
  }

  clear(): void {
    for (let entry = this.entries.shift(); entry !== undefined; entry = this.entries.shift()) {
      this.cache.forget(entry);
    }
    this.held = 0;
  }

  /** @internal */
  dropOldest(): void {
    const entry = this.entries.shift();
    if (entry?.batch === undefined) return;
    this.held -= entry.batch.length;
    this.cache.forget(entry);
  }

  private floor(offset: number): number {
    let low = 0;
    let high = this.entries.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (baseOffsetOf(this.entries.at(middle)!.batch!) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

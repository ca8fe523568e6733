import type { Allocate, PartitionStore, ScanOptions, StoreEntry } from '@genrocks/storage';
import { CorruptBatchError } from '../errors.js';
import { checkCrc, maxTimestampOf, nextOffsetOf, readBatchHeader } from '../records/batch-header.js';
import { offsetFromKey, offsetKey } from './offset-key.js';
import type { CachedTail } from './tail-cache.js';

/** The place of one batch in the log. */
export interface BatchPlace {
  readonly baseOffset: number;
  readonly nextOffset: number;
  /** As its header states it. */
  readonly maxTimestamp: number;
}

/** Counted since the partition was opened. */
export interface ReadCounts {
  /** Reads that the cached tail could answer. */
  cacheHits: number;
  cacheMisses: number;
}

/** Finds batches by offset: in the cached tail where they are there, in the store otherwise. */
export class PartitionReader {
  readonly counts: ReadCounts = { cacheHits: 0, cacheMisses: 0 };

  constructor(
    private readonly store: PartitionStore,
    private readonly tail: CachedTail,
  ) {}

  /** First and last batch of the store, undefined where it is empty. Entries of others are refused. */
  async bounds(): Promise<{ first: BatchPlace; last: BatchPlace } | undefined> {
    const first = await this.one({});
    const last = await this.one({ reverse: true });
    if (first === undefined || last === undefined) return undefined;
    return { first: place(first), last: place(last) };
  }

  /** Base offset of the first batch of the store. */
  async firstBase(): Promise<number | undefined> {
    const first = await this.one({});
    return first === undefined ? undefined : place(first).baseOffset;
  }

  /**
   * Batches from the one that holds `offset` on (or the next one after a gap), before `endOffset`, up to
   * `maxBytes` but at least one where there is one.
   */
  async read(offset: number, maxBytes: number, endOffset: number, allocate?: Allocate): Promise<Buffer[]> {
    const cached = this.cached(offset, maxBytes, allocate);
    if (cached !== undefined) return cached;
    this.counts.cacheMisses++;
    const batches = await this.scan(offset, maxBytes, endOffset, allocate);
    const first = batches[0];
    if (first !== undefined && readBatchHeader(first).baseOffset === offset) return batches;
    // The offset lies inside a batch, or in a gap.
    const floor = await this.one({ lte: offsetKey(offset), reverse: true });
    if (floor === undefined || nextOffsetOf(checked(floor)) <= offset) return batches;
    if (floor.value.length >= maxBytes) return [floor.value];
    return [floor.value, ...fitting(batches, maxBytes - floor.value.length)];
  }

  /** As {@link read}, where the cached tail has it; undefined otherwise. */
  cached(offset: number, maxBytes: number, allocate?: Allocate): Buffer[] | undefined {
    const batches = this.tail.read(offset, maxBytes, allocate);
    if (batches !== undefined) this.counts.cacheHits++;
    return batches;
  }

  /**
   * The bytes a read at `offset` would meet first, unchecked, and the offset at which to go on past them. Where the store
   * itself cannot read them there are none.
   */
  async raw(offset: number, endOffset: number): Promise<{ bytes: Buffer | null; nextOffset: number }> {
    const next = async (after: number) => {
      const entry = await this.one({ gt: offsetKey(after), lt: offsetKey(endOffset), skipDamaged: true });
      return (entry === undefined ? undefined : offsetFromKey(entry.key)) ?? endOffset;
    };
    try {
      const floor = await this.one({ lte: offsetKey(offset), reverse: true });
      if (floor !== undefined && reaches(floor, offset)) {
        return { bytes: floor.value, nextOffset: await next(offset) };
      }
      const above = await this.one({ gt: offsetKey(offset), lt: offsetKey(endOffset) });
      const base = above === undefined ? undefined : offsetFromKey(above.key);
      if (above === undefined || base === undefined) return { bytes: null, nextOffset: endOffset };
      return { bytes: above.value, nextOffset: await next(base) };
    } catch {
      return { bytes: null, nextOffset: await next(offset) };
    }
  }

  /** Batches from the last back to the one that holds `offset`, without those that are damaged. */
  async *backTo(offset: number): AsyncGenerator<Buffer, void, undefined> {
    const floor = await this.one({ lte: offsetKey(offset), reverse: true, skipDamaged: true });
    const gte = floor?.key ?? offsetKey(offset);
    for await (const page of this.store.scanPages({ gte, reverse: true, skipDamaged: true })) {
      for (const entry of page) {
        const batch = checkedOrNothing(entry);
        if (batch !== undefined) yield batch;
      }
    }
  }

  /** Base offset of the batch that holds `offset`, or of the last one before it. */
  async floorBase(offset: number): Promise<number | undefined> {
    const cached = this.tail.floorBase(offset);
    if (cached !== undefined) return cached;
    const floor = await this.one({ lte: offsetKey(offset), reverse: true });
    return floor === undefined ? undefined : offsetFromKey(floor.key);
  }

  /** The batch that holds `offset`, or the next one after a gap; undefined where there is none before `endOffset`. */
  async at(offset: number, endOffset: number): Promise<Buffer | undefined> {
    const cached = this.cached(offset, 1);
    if (cached !== undefined) return cached[0];
    this.counts.cacheMisses++;
    const floor = await this.one({ lte: offsetKey(offset), reverse: true });
    if (floor !== undefined && nextOffsetOf(checked(floor)) > offset) return floor.value;
    const above = await this.one({ gt: offsetKey(offset), lt: offsetKey(endOffset) });
    return above === undefined ? undefined : checked(above);
  }

  private async scan(
    offset: number,
    maxBytes: number,
    endOffset: number,
    allocate: Allocate | undefined,
  ): Promise<Buffer[]> {
    const batches: Buffer[] = [];
    let bytes = 0;
    const range = { gte: offsetKey(offset), lt: offsetKey(endOffset), maxBytes };
    try {
      for await (const page of this.store.scanPages(
        allocate === undefined ? range : { ...range, allocate },
      )) {
        for (const entry of page) {
          if (batches.length > 0 && bytes + entry.value.length > maxBytes) return batches;
          batches.push(checked(entry));
          bytes += entry.value.length;
        }
        if (bytes >= maxBytes) return batches;
      }
    } catch (error) {
      // What lies before damage is good; a read that begins at the damage fails.
      if (batches.length === 0) throw error;
    }
    return batches;
  }

  private async one(options: ScanOptions): Promise<StoreEntry | undefined> {
    for await (const [entry] of this.store.scanPages({ ...options, limit: 1 })) return entry;
    return undefined;
  }
}

function fitting(batches: readonly Buffer[], maxBytes: number): Buffer[] {
  let bytes = 0;
  return batches.filter((batch) => (bytes += batch.length) <= maxBytes);
}

/** May the batch hold the offset? One that cannot be read may. */
function reaches(entry: StoreEntry, offset: number): boolean {
  try {
    return nextOffsetOf(checked(entry)) > offset;
  } catch {
    return true;
  }
}

/**
 * The entry's batch, refused where the store holds something else or the bytes have rotted. It was whole when it was
 * stored: where the store knows that these are the bytes it was given, they are not summed up a second time.
 */
function checked(entry: StoreEntry): Buffer {
  place(entry);
  if (entry.verified !== true) checkCrc(entry.value);
  return entry.value;
}

function checkedOrNothing(entry: StoreEntry): Buffer | undefined {
  try {
    return checked(entry);
  } catch {
    return undefined;
  }
}

function place(entry: StoreEntry): BatchPlace {
  const baseOffset = offsetFromKey(entry.key);
  if (baseOffset === undefined) {
    throw new CorruptBatchError(
      `the store has a key of ${entry.key.length} bytes, which no partition writes`,
    );
  }
  const header = readBatchHeader(entry.value);
  if (header.baseOffset !== baseOffset) {
    throw new CorruptBatchError(`the batch at offset ${baseOffset} says it is at ${header.baseOffset}`);
  }
  return {
    baseOffset,
    nextOffset: baseOffset + header.lastOffsetDelta + 1,
    maxTimestamp: maxTimestampOf(entry.value),
  };
}

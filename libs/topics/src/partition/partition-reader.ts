import type { Allocate, PartitionStore, ScanOptions, StoreEntry } from '@genrocks/storage';
import { CorruptBatchError } from '../errors.js';
import { checkCrc, maxTimestampOf, nextOffsetOf, readBatchHeader } from '../records/batch-header.js';
import { offsetFromKey, offsetKey } from './offset-key.js';
import type { CachedTail } from './tail-cache.js';

/** The place of one batch in the log. */
export interface BatchPlace {
  readonly baseOffset: number;
  readonly nextOffset: number;
  /** Newest timestamp, as stated in the batch header. */
  readonly maxTimestamp: number;
}

/** Read counters since the partition was opened. */
export interface ReadCounts {
  /** Reads answered by the cached tail. */
  cacheHits: number;
  cacheMisses: number;
}

/** Finds batches by offset, in the cached tail if they are there, otherwise in the store. */
export class PartitionReader {
  readonly counts: ReadCounts = { cacheHits: 0, cacheMisses: 0 };

  constructor(
    private readonly store: PartitionStore,
    private readonly tail: CachedTail,
  ) {}

  /**
   * The first and last batch in the store; undefined if it is empty. Fails for entries that no partition has
   * written.
   */
  async bounds(): Promise<{ first: BatchPlace; last: BatchPlace } | undefined> {
    const first = await this.one({});
    const last = await this.one({ reverse: true });
    if (first === undefined || last === undefined) return undefined;
    return { first: place(first), last: place(last) };
  }

  /** Base offset of the first batch in the store. */
  async firstBase(): Promise<number | undefined> {
    const first = await this.one({});
    return first === undefined ? undefined : place(first).baseOffset;
  }

  /**
   * Batches before `endOffset`, starting with the one that contains `offset` (or the next one after a gap),
   * up to `maxBytes` but at least one if there is any.
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

  /** As {@link read}, from the cached tail; undefined if it does not reach back that far. */
  cached(offset: number, maxBytes: number, allocate?: Allocate): Buffer[] | undefined {
    const batches = this.tail.read(offset, maxBytes, allocate);
    if (batches !== undefined) this.counts.cacheHits++;
    return batches;
  }

  /**
   * The first bytes a read at `offset` would meet, unchecked, and the offset after them. `bytes` is null if
   * the store itself cannot read them.
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

  /** Batches from the last back to the one that contains `offset`. Skips damaged ones. */
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

  /** Base offset of the batch that contains `offset`, or of the last one before it. */
  async floorBase(offset: number): Promise<number | undefined> {
    const cached = this.tail.floorBase(offset);
    if (cached !== undefined) return cached;
    const floor = await this.one({ lte: offsetKey(offset), reverse: true });
    return floor === undefined ? undefined : offsetFromKey(floor.key);
  }

  /**
   * The batch that contains `offset`, or the next one after a gap; undefined if there is none before
   * `endOffset`.
   */
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
      // Batches before the damage are good. The next read starts at the damage and fails.
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

/** Whether the batch may contain the offset. An unreadable one may. */
function reaches(entry: StoreEntry, offset: number): boolean {
  try {
    return nextOffsetOf(checked(entry)) > offset;
  } catch {
    return true;
  }
}

/**
 * The entry's batch. Fails if the entry is not a batch or its checksum does not match. The batch was checked
 * before it was stored, so if the store has verified these bytes itself the checksum is not computed again.
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
    throw new CorruptBatchError(`the store has a key of ${entry.key.length} bytes that is not an offset`);
  }
  const header = readBatchHeader(entry.value);
  if (header.baseOffset !== baseOffset) {
    throw new CorruptBatchError(
      `the batch stored at offset ${baseOffset} has the base offset ${header.baseOffset} in its header`,
    );
  }
  return {
    baseOffset,
    nextOffset: baseOffset + header.lastOffsetDelta + 1,
    maxTimestamp: maxTimestampOf(entry.value),
  };
}

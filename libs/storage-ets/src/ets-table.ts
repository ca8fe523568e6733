import { type KeyRange, SortedKeyMap } from '@genrocks/storage';
import { LogCursor } from './log-cursor.js';
import type { MemoryBudget } from './memory-budget.js';
import type { StoredBytes } from './stored-bytes.js';

/**
 * Bytes of an entry besides its key and value: a map entry, its place in the key order, the record and two string
 * headers. Measured on Node 20 with a million entries, rounded up.
 */
export const ENTRY_OVERHEAD = 200;

export interface EtsRecord {
  value: StoredBytes;
  timestamp: number;
  /** Number of the write. Records stand in the map in this order. */
  sequence: number;
}

/** A put, or a delete if there is no value. The key is in the form of `keyToString`. */
export interface TableWrite {
  readonly key: string;
  readonly value?: StoredBytes;
}

/**
 * A set table: one record per key. The map finds records by key and keeps the order of the writes, because a key that is
 * written again moves to its end. The sorted keys serve scans.
 */
export class EtsTable {
  private readonly records = new Map<string, EtsRecord>();
  private readonly order = new SortedKeyMap<EtsRecord>();
  private sequence = 0;
  private lastTimestamp = 0;

  constructor(private readonly budget: MemoryBudget) {}

  get size(): number {
    return this.records.size;
  }

  /** Estimated bytes in use. */
  get memory(): number {
    return this.budget.used;
  }

  /** Limit of {@link memory}. */
  get maxBytes(): number {
    return this.budget.limit;
  }

  /** Changes {@link maxBytes}. A table above it keeps its entries and accepts only writes that do not grow it. */
  limit(maxBytes: number): void {
    this.budget.limit = maxBytes;
  }

  get(key: string): StoredBytes | undefined {
    return this.records.get(key)?.value;
  }

  has(key: string): boolean {
    return this.records.has(key);
  }

  /**
   * Applies all writes, or none.
   * @throws `NO_SPACE` if they do not fit
   */
  write(writes: readonly TableWrite[]): void {
    if (this.budget.limited) this.budget.check(this.growthOf(writes));
    // The clock may be set back, but timestamps in the log never go back.
    this.lastTimestamp = Math.max(this.lastTimestamp, Date.now());
    for (const { key, value } of writes) {
      if (value === undefined) this.delete(key);
      else this.put(key, value);
    }
  }

  clear(): void {
    this.budget.add(-this.budget.used);
    this.records.clear();
    this.order.clear();
  }

  /** Packs the blocks of keys that deletions have left half empty. */
  compact(): void {
    this.order.compact();
  }

  /** Iterates over records in key order, in pages. The table may change between pages. */
  scan(range: KeyRange, pageSize: number): IterableIterator<[string, EtsRecord][]> {
    return this.order.pages(range, pageSize);
  }

  /** Iterates over records in the order of their writes, up to the newest at the time of the call. The table may change. */
  log(): LogCursor {
    return new LogCursor(this.records, this.sequence);
  }

  private put(key: string, value: StoredBytes): void {
    const sequence = ++this.sequence;
    const record = this.records.get(key);
    if (record === undefined) {
      const added = { value, timestamp: this.lastTimestamp, sequence };
      this.records.set(key, added);
      this.order.set(key, added);
      this.budget.add(costOf(key, value));
      return;
    }
    this.budget.add(value.length - record.value.length);
    record.value = value;
    record.timestamp = this.lastTimestamp;
    record.sequence = sequence;
    this.records.delete(key);
    this.records.set(key, record);
  }

  private delete(key: string): void {
    const record = this.records.get(key);
    if (record === undefined) return;
    this.records.delete(key);
    this.order.delete(key);
    this.budget.add(-costOf(key, record.value));
  }

  private growthOf(writes: readonly TableWrite[]): number {
    const costs = new Map<string, number>();
    let growth = 0;
    for (const { key, value } of writes) {
      const cost = value === undefined ? 0 : costOf(key, value);
      growth += cost - (costs.get(key) ?? this.currentCost(key));
      costs.set(key, cost);
    }
    return growth;
  }

  private currentCost(key: string): number {
    const record = this.records.get(key);
    return record === undefined ? 0 : costOf(key, record.value);
  }
}

function costOf(key: string, value: StoredBytes): number {
  return key.length + value.length + ENTRY_OVERHEAD;
}

import { type KeyRange, SortedKeyMap } from '@genrocks/storage';
import { LogCursor } from './log-cursor.js';
import type { MemoryBudget } from './memory-budget.js';
import type { StoredBytes } from './stored-bytes.js';

/**
 * What an entry takes besides the bytes of its key and value: a map entry, its place in the key order, the record and
 * two string headers. Measured on Node 20 with a million entries, rounded up.
 */
export const ENTRY_OVERHEAD = 200;

export interface EtsRecord {
  value: StoredBytes;
  timestamp: number;
  /** Position among all writes to the table; the order of the records in the map is the order of these. */
  sequence: number;
}

/** A put, or a delete where there is no value. The key is a string of one character a byte. */
export interface TableWrite {
  readonly key: string;
  readonly value?: StoredBytes;
}

/**
 * A set table: one record a key. The map answers by key and remembers the order of the writes, since a key that is
 * written again moves to its end; the sorted keys are for scans.
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

  /** Bytes taken, by estimate. */
  get memory(): number {
    return this.budget.used;
  }

  /** Largest {@link memory} allowed. */
  get maxBytes(): number {
    return this.budget.limit;
  }

  /** Changes {@link maxBytes}. A table above it keeps what it holds and takes only what shrinks it. */
  limit(maxBytes: number): void {
    this.budget.limit = maxBytes;
  }

  get(key: string): StoredBytes | undefined {
    return this.records.get(key)?.value;
  }

  has(key: string): boolean {
    return this.records.has(key);
  }

  /** Applies all writes or, where they do not fit, none. Throws `NO_SPACE`. */
  write(writes: readonly TableWrite[]): void {
    if (this.budget.limited) this.budget.check(this.growthOf(writes));
    // The clock may be set back; the log never tells a write as older than the one before it.
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

  /** Packs what deletions have left half empty. */
  compact(): void {
    this.order.compact();
  }

  /** Records in key order, in pages. The table may change between pages. */
  scan(range: KeyRange, pageSize: number): IterableIterator<[string, EtsRecord][]> {
    return this.order.pages(range, pageSize);
  }

  /** Records in the order of their writes, up to the newest at the time of the call; lives through changes. */
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

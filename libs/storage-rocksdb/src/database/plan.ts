import { keyFromString } from '@genrocks/storage';
import { catalogueValue, emptyCounters, type StoreCounters } from './layout.js';
import type { RawWrite } from './native.js';
import { sequenceOf, stampRecord } from './record.js';
import type { StoreState } from './store-state.js';

/** A put with its record (see record.ts), or a delete without one. The key is in the form of `keyToString`. */
export interface EntryWrite {
  readonly key: string;
  record?: Buffer;
}

/** The record of a key before a commit and after it. */
interface Change {
  readonly before: Buffer | null;
  after: { readonly record: Buffer; readonly sequence: number } | null;
}

/** Plans what a commit writes for one store, so that entries, write order and counters stay consistent. */
export class StorePlan {
  private readonly changes = new Map<string, Change>();
  private readonly counters: StoreCounters;
  private highestKey: string | undefined;
  private truncated = false;
  private destroyed = false;

  /** @param now ms since 1970 */
  constructor(
    readonly state: StoreState,
    now: number,
  ) {
    this.counters = { ...state.counters, lastTimestamp: Math.max(now, state.counters.lastTimestamp) };
    this.highestKey = state.highestKey;
  }

  /** Adds a write. `stored` returns the record of a key before this commit. */
  write({ key, record }: EntryWrite, stored: (key: string) => Buffer | null): void {
    let change = this.changes.get(key);
    if (change === undefined) {
      change = { before: this.truncated ? null : stored(key), after: null };
      if (change.before !== null) this.count(key, change.before, -1);
      this.changes.set(key, change);
    } else if (change.after !== null) {
      this.count(key, change.after.record, -1);
    }
    if (record === undefined) {
      change.after = null;
      return;
    }
    const sequence = this.counters.nextSequence++;
    stampRecord(record, sequence, this.counters.lastTimestamp);
    change.after = { record, sequence };
    this.count(key, record, 1);
    this.counters.largest = Math.max(this.counters.largest, key.length + record.length);
    if (this.highestKey !== undefined && key > this.highestKey) this.highestKey = key;
  }

  /** Discards everything written so far. The numbers of the writes continue. */
  truncate(): void {
    this.truncated = true;
    this.changes.clear();
    this.highestKey = '';
    const { nextSequence, lastTimestamp } = this.counters;
    Object.assign(this.counters, emptyCounters(), { nextSequence, lastTimestamp });
  }

  destroy(): void {
    this.truncate();
    this.destroyed = true;
  }

  /** Tells whether this commit may change the key. */
  touches(key: string): boolean {
    return this.truncated || this.changes.has(key);
  }

  /** The changes to write, all in one batch. */
  rawWrites(): RawWrite[] {
    const { keys, catalogueKey, numberInCatalogue } = this.state;
    const writes: RawWrite[] = [];
    if (this.truncated) writes.push({ type: 'deleteRange', start: keys.start, end: keys.end });
    if (this.destroyed) return [...writes, { type: 'delete', key: catalogueKey }];
    for (const [key, { before, after }] of this.changes) {
      const entry = keys.entry(key);
      if (before !== null) writes.push({ type: 'delete', key: keys.sequence(sequenceOf(before)) });
      if (after !== null) {
        writes.push({ type: 'put', key: entry, value: after.record });
        writes.push({ type: 'put', key: keys.sequence(after.sequence), value: keyFromString(key) });
      } else if (before !== null) {
        writes.push({ type: 'delete', key: entry });
      }
    }
    writes.push({
      type: 'put',
      key: catalogueKey,
      value: catalogueValue(numberInCatalogue, this.counters),
    });
    return writes;
  }

  /** Updates the state of the store, once the commit has succeeded. */
  apply(): void {
    this.state.counters = this.counters;
    this.state.highestKey = this.highestKey;
  }

  private count(key: string, record: Buffer, sign: 1 | -1): void {
    this.counters.items += sign;
    this.counters.bytes += sign * (key.length + record.length);
  }
}

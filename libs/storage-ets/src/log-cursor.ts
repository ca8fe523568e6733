import type { EtsRecord } from './ets-table.js';

/** Iterates over the records of a table in the order of their writes, up to a given write. */
export class LogCursor {
  private keys: Iterator<string>;
  private pinned = true;

  constructor(
    private readonly records: ReadonlyMap<string, EtsRecord>,
    private readonly last: number,
  ) {
    this.keys = records.keys();
  }

  /** The next record that has been neither rewritten nor deleted since the iteration began. */
  next(): [string, EtsRecord] | undefined {
    for (let key = this.keys.next(); !key.done; key = this.keys.next()) {
      const record = this.records.get(key.value);
      if (record !== undefined && record.sequence <= this.last) return [key.value, record];
    }
    return undefined;
  }

  /**
   * To be called before the table may change. For the sake of an idle iterator, a Map retains removed entries without
   * bound, so the iteration continues over a copy of the current keys.
   */
  unpin(): void {
    if (this.pinned) this.keys = [...(this.keys as IterableIterator<string>)].values();
    this.pinned = false;
  }

  /** Ends the iteration. */
  end(): void {
    this.keys = [].values();
    this.pinned = false;
  }
}

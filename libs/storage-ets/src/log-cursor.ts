import type { EtsRecord } from './ets-table.js';

/** A walk through the records of a table in the order of their writes, which ends with a given write. */
export class LogCursor {
  private keys: Iterator<string>;
  private pinned = true;

  constructor(
    private readonly records: ReadonlyMap<string, EtsRecord>,
    private readonly last: number,
  ) {
    this.keys = records.keys();
  }

  /** The next record that has been neither written again nor deleted since the walk began. */
  next(): [string, EtsRecord] | undefined {
    for (let key = this.keys.next(); !key.done; key = this.keys.next()) {
      const record = this.records.get(key.value);
      if (record !== undefined && record.sequence <= this.last) return [key.value, record];
    }
    return undefined;
  }

  /**
   * To be called before the table may change. For an iterator that stands still a Map keeps much of what it has held
   * since, without bound; so the walk goes on by the keys that there are now.
   */
  unpin(): void {
    if (this.pinned) this.keys = [...(this.keys as IterableIterator<string>)].values();
    this.pinned = false;
  }

  /** Ends the walk. */
  end(): void {
    this.keys = [].values();
    this.pinned = false;
  }
}

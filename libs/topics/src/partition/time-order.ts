import { maxTimestampOf } from '../records/batch-header.js';

/**
 * Tracks the disorder of a partition: how far the timestamps of its batches go back. They may, because clocks
 * are adjusted, producers have their own clocks, and a publisher may state any time. A search for a time
 * needs the disorder, because binary search alone fails in a log that is out of order.
 *
 * One number per partition is stored, rounded up to a power of two in milliseconds, before the first batch
 * that goes back further. That takes a few writes in the life of a partition, and none if time only goes
 * forward.
 */
export class TimeOrder {
  private newest = -Infinity;
  private ms = 0;

  /** @param save persists the number */
  constructor(private readonly save: (disorder: number) => Promise<void>) {}

  /**
   * No batch is older than the newest one before it by more than this many milliseconds; Infinity if unknown.
   */
  get disorder(): number {
    return this.ms;
  }

  /**
   * Initializes from the partition as found.
   * @param disorder the saved number; Infinity for a log written by another program
   * @param last newest timestamp of the last batch; undefined if there is none
   */
  async begin(disorder: number, last: number | undefined): Promise<void> {
    if (last === undefined) return;
    this.ms = disorder;
    // The newest timestamp of the log cannot be known without reading it all; this is an upper bound.
    this.newest = last + disorder;
    if (disorder === Infinity) await this.save(disorder);
  }

  /** Examines batches that are about to be written. They must not be written before this has resolved. */
  admit(batches: readonly Buffer[]): Promise<void> | undefined {
    let behind = 0;
    for (const batch of batches) {
      const timestamp = maxTimestampOf(batch);
      if (timestamp > this.newest) this.newest = timestamp;
      else behind = Math.max(behind, this.newest - timestamp);
    }
    return behind > this.ms ? this.raise(2 ** Math.ceil(Math.log2(behind))) : undefined;
  }

  private async raise(disorder: number): Promise<void> {
    await this.save(disorder);
    this.ms = disorder;
  }
}

import { maxTimestampOf } from '../records/batch-header.js';

/**
 * How far the timestamps of a partition's batches go back: clocks are set, producers have clocks of their own, and whoever
 * publishes may state any time. A search for a time must know it, as binary search alone finds nothing in a log that is
 * out of order.
 *
 * One number a partition is kept for it, in a power of two of milliseconds, and written down before the first batch that
 * goes back further: a few writes in the life of a partition, none where time goes forward.
 */
export class TimeOrder {
  private newest = -Infinity;
  private ms = 0;

  /** @param save keeps the number over restarts */
  constructor(private readonly save: (disorder: number) => Promise<void>) {}

  /** No batch is older than the newest one before it by more than this; Infinity where nobody knows. */
  get disorder(): number {
    return this.ms;
  }

  /**
   * Takes the partition over as it was found.
   * @param disorder as it was saved; Infinity for a log that somebody else has written
   * @param last newest timestamp of the last batch; undefined where there is none
   */
  async begin(disorder: number, last: number | undefined): Promise<void> {
    if (last === undefined) return;
    this.ms = disorder;
    // The newest of all is not known without reading all; it cannot be newer than this.
    this.newest = last + disorder;
    if (disorder === Infinity) await this.save(disorder);
  }

  /** Looks at batches that are about to be written; they must not be before this has resolved. */
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

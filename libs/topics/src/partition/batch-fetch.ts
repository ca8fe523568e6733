import { nextOffsetOf } from '../records/batch-header.js';
import type { DataWaiters } from './data-waiters.js';
import type { LogBounds } from './log-bounds.js';
import type { PartitionLife } from './partition-life.js';
import type { ReadBatchesOptions, ReadBatchesResult } from './read.types.js';

const DEFAULT_MAX_BYTES = 1024 * 1024;
/** Upper limit of one read, whatever `maxBytes` says. */
const MAX_READ_BYTES = 64 * 1024 * 1024;

/** Reads the record batches of one partition, and waits for data if there is none yet. */
export class BatchFetch {
  /** Batches and bytes handed out. */
  readonly counts = { batches: 0, bytes: 0 };

  constructor(
    private readonly life: PartitionLife,
    private readonly bounds: LogBounds,
    private readonly waiters: DataWaiters,
  ) {}

  async read(options: ReadBatchesOptions): Promise<ReadBatchesResult> {
    const { offset, minBytes = 1, waitMs = 0, signal, allocate } = options;
    const { bounds } = this;
    const maxBytes = readLimit(options.maxBytes);
    const deadline = waitMs > 0 ? performance.now() + waitMs : 0;
    for (;;) {
      const { reader } = this.life.opened();
      await bounds.refresh();
      bounds.require(offset);
      const endOffset = bounds.end;
      const batches = offset < endOffset ? await reader.read(offset, maxBytes, endOffset, allocate) : [];
      // Retention dropped batches in the meantime: this read may start after a hole, which must not go
      // unnoticed.
      if (bounds.isStale) continue;
      const last = batches[batches.length - 1];
      const nextOffset = last === undefined ? endOffset : nextOffsetOf(last);
      const left = deadline - performance.now();
      // If more is stored than fits into maxBytes, waiting would not make the result larger.
      const bytes = sizeOf(batches);
      const enough = bytes >= minBytes || nextOffset < endOffset;
      if (enough || left <= 0 || !(await this.waiters.wait(endOffset, left, signal))) {
        this.counts.batches += batches.length;
        this.counts.bytes += bytes;
        return { batches, nextOffset, endOffset: bounds.end, startOffset: bounds.start };
      }
    }
  }

  /** Copies of the batches {@link read} would return, if they are cached; undefined otherwise. */
  cached(offset: number, maxBytes: number): Buffer[] | undefined {
    const { reader } = this.life.opened();
    const { bounds } = this;
    if (bounds.isStale || offset < bounds.start || offset >= bounds.end) return undefined;
    const batches = reader.cached(offset, readLimit(maxBytes));
    if (batches === undefined) return undefined;
    this.counts.batches += batches.length;
    this.counts.bytes += sizeOf(batches);
    return batches;
  }
}

/** A limit that is not a number, or exceeds the memory, must not lead to reading everything. */
function readLimit(maxBytes: number = DEFAULT_MAX_BYTES): number {
  return maxBytes >= 0 ? Math.min(maxBytes, MAX_READ_BYTES) : DEFAULT_MAX_BYTES;
}

function sizeOf(batches: readonly Buffer[]): number {
  let bytes = 0;
  for (const batch of batches) bytes += batch.length;
  return bytes;
}

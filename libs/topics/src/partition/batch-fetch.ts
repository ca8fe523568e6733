import { nextOffsetOf } from '../records/batch-header.js';
import type { DataWaiters } from './data-waiters.js';
import type { LogBounds } from './log-bounds.js';
import type { PartitionLife } from './partition-life.js';
import type { ReadBatchesOptions, ReadBatchesResult } from './read.types.js';

const DEFAULT_MAX_BYTES = 1024 * 1024;
/** More is never read at once, whatever is asked for. */
const MAX_READ_BYTES = 64 * 1024 * 1024;

/** Reads the record batches of one partition, and waits for them where there are none yet. */
export class BatchFetch {
  /** What was handed out. */
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
      // Retention came in between: what was read may begin after a hole that must not go unnoticed.
      if (bounds.isStale) continue;
      const last = batches[batches.length - 1];
      const nextOffset = last === undefined ? endOffset : nextOffsetOf(last);
      const left = deadline - performance.now();
      // What did not fit into maxBytes is there too: waiting would not make the answer larger.
      const bytes = sizeOf(batches);
      const enough = bytes >= minBytes || nextOffset < endOffset;
      if (enough || left <= 0 || !(await this.waiters.wait(endOffset, left, signal))) {
        this.counts.batches += batches.length;
        this.counts.bytes += bytes;
        return { batches, nextOffset, endOffset: bounds.end, startOffset: bounds.start };
      }
    }
  }

  /** Copies of the batches that {@link read} would answer, where they are cached; undefined where it has to be asked. */
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

/** A limit that is no number, or beyond all memory, must not mean to read everything there is. */
function readLimit(maxBytes: number = DEFAULT_MAX_BYTES): number {
  return maxBytes >= 0 ? Math.min(maxBytes, MAX_READ_BYTES) : DEFAULT_MAX_BYTES;
}

function sizeOf(batches: readonly Buffer[]): number {
  let bytes = 0;
  for (const batch of batches) bytes += batch.length;
  return bytes;
}

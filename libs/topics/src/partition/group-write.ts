import { isGenRocksError, type PartitionStore } from '@genrocks/storage';
import type { Compression } from '../records/batch-header.js';
import { compressBatch } from '../records/compression.js';
import type { AppendUnit } from './append-unit.js';
import { offsetKey } from './offset-key.js';
import type { TimeOrder } from './time-order.js';

/**
 * Errors after which the store certainly holds nothing of a write, so that its offsets can be used again.
 * After any other error the write may still turn up later, and its offsets are not reused.
 */
const NOTHING_STORED = new Set([
  'NO_SPACE',
  'LOG_FULL',
  'RETENTION_FULL',
  'TOO_LARGE',
  'INVALID_ARGUMENT',
  'NOT_SUPPORTED',
  'UNSUPPORTED_COMPRESSION',
]);

/** Whether a write that failed with this error may be in the store all the same. */
export function mayBeStored(error: unknown): boolean {
  if (!isGenRocksError(error)) return true;
  return !NOTHING_STORED.has(error.code) && error.details['nothingStored'] !== true;
}

/** The batches of one atomic write, and their offsets. */
export class GroupWrite {
  readonly bases: readonly number[];
  readonly batches: Buffer[] = [];
  readonly endOffset: number;
  readonly records: number;
  bytes = 0;

  constructor(
    readonly units: readonly AppendUnit[],
    firstOffset: number,
  ) {
    let next = firstOffset;
    this.bases = units.map((unit) => {
      const base = next;
      next += unit.count;
      return base;
    });
    this.endOffset = next;
    this.records = next - firstOffset;
  }

  /**
   * Writes the batches.
   * @param times must record the batches' timestamps before they are stored
   */
  async run(store: PartitionStore, compression: Compression, times: TimeOrder): Promise<void> {
    const { units, bases, batches } = this;
    for (let i = 0; i < units.length; i++) {
      const unit = units[i]!;
      let batch = unit.finish(bases[i]!);
      if (compression !== 'none' && !unit.isRaw) batch = await compressBatch(batch, compression);
      batches.push(batch);
      this.bytes += batch.length;
    }
    const admitted = times.admit(batches);
    if (admitted !== undefined) await admitted;
    // The batches can be lent: nobody changes them before their completions are called.
    if (batches.length === 1) return store.put(offsetKey(bases[0]!), batches[0]!, { lent: true });
    return store.batch(
      batches.map((value, i) => ({ type: 'put', key: offsetKey(bases[i]!), value }) as const),
      { lent: true },
    );
  }
}

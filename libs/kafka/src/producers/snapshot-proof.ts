import { isGenRocksError } from '@genrocks/storage';
import type { Partition } from '@genrocks/topics';
import { isUnreadable } from '@genrocks/topics/listener';
import { baseOffsetOf } from '@genrocks/topics/records';
import { producerOf } from './batch-producer.js';
import type { ProducerSnapshot } from './partition-producers.js';

/** A batch listed in a snapshot. */
interface ToldBatch {
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: number;
  readonly baseOffset: number;
}

/**
 * Returns the offset from which on a snapshot does not match the log; Infinity if all of it matches.
 *
 * A log may be older than its snapshot (a restored one is), and may have grown since over the offsets of the lost
 * batches. If the log has one of the snapshot's batches at its offset, it has all earlier ones too, so a binary search
 * finds the first one missing. Batches from before the start of the log are believed only if at least one later batch
 * is found: storing a batch twice is better than losing it.
 */
export async function believedTo(
  partition: Partition,
  snapshot: readonly ProducerSnapshot[],
): Promise<number> {
  const told = batchesOf(snapshot);
  if (told.length === 0) return Infinity;
  const { startOffset } = partition;
  const firstLeft = told.findIndex(({ baseOffset }) => baseOffset >= startOffset);
  if (firstLeft < 0) return 0;
  let low = firstLeft;
  let high = told.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    let probe = middle;
    let isThere = await stands(partition, told[probe]!);
    while (isThere === undefined && ++probe < high) isThere = await stands(partition, told[probe]!);
    if (isThere === true) low = probe + 1;
    else if (partition.startOffset > startOffset) return believedTo(partition, snapshot);
    else high = middle;
  }
  if (low === firstLeft) return 0;
  return told[low]?.baseOffset ?? Infinity;
}

/** The batches of a snapshot in offset order. */
function batchesOf(snapshot: readonly ProducerSnapshot[]): ToldBatch[] {
  return snapshot
    .flatMap(([producerId, epoch, batches]) =>
      batches.map(([baseSequence, , baseOffset]) => ({ producerId, epoch, baseSequence, baseOffset })),
    )
    .sort((one, other) => one.baseOffset - other.baseOffset);
}

/** Whether the log has the batch at its offset. Undefined if the log is damaged there; later batches decide then. */
async function stands(partition: Partition, told: ToldBatch): Promise<boolean | undefined> {
  const { baseOffset } = told;
  if (baseOffset >= partition.endOffset) return false;
  try {
    const { batches } = await partition.readBatches({ offset: baseOffset, maxBytes: 1 });
    const batch = batches[0];
    if (batch === undefined || baseOffsetOf(batch) !== baseOffset) return false;
    const found = producerOf(batch);
    return (
      found?.producerId === told.producerId &&
      found.epoch === told.epoch &&
      found.baseSequence === told.baseSequence
    );
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    // Retention has dropped it meanwhile.
    if (isGenRocksError(error, 'OFFSET_OUT_OF_RANGE')) return false;
    throw error;
  }
}

import { isGenRocksError } from '@genrocks/storage';
import type { Partition } from '@genrocks/topics';
import { isUnreadable } from '@genrocks/topics/listener';
import { baseOffsetOf } from '@genrocks/topics/records';
import { producerOf } from './batch-producer.js';
import type { ProducerSnapshot } from './partition-producers.js';

/** A batch as a snapshot tells of it. */
interface ToldBatch {
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: number;
  readonly baseOffset: number;
}

/**
 * From which offset on a snapshot is not to be believed; Infinity where all of it is.
 *
 * A log may be older than the snapshot beside it, as a restored one is, and have grown since over the offsets of what it
 * has lost. Its own batches tell: where one of the snapshot's stands in its place, so do all before it. What lies before
 * the log's beginning is believed only where one of them stands: a batch stored twice is better than one that is lost.
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

/** In the order of their offsets. */
function batchesOf(snapshot: readonly ProducerSnapshot[]): ToldBatch[] {
  return snapshot
    .flatMap(([producerId, epoch, batches]) =>
      batches.map(([baseSequence, , baseOffset]) => ({ producerId, epoch, baseSequence, baseOffset })),
    )
    .sort((one, other) => one.baseOffset - other.baseOffset);
}

/** Undefined where the log has rotted: those behind it tell then. */
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
    // Dropped meanwhile.
    if (isGenRocksError(error, 'OFFSET_OUT_OF_RANGE')) return false;
    throw error;
  }
}

import { readBatchHeader } from '@genrocks/topics/records';

/** Who wrote a batch, and as which of its batches. */
export interface BatchProducer {
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: number;
  readonly records: number;
}

/**
 * Undefined for a producer that is not idempotent.
 * @throws `CORRUPT_BATCH`
 */
export function producerOf(batch: Buffer): BatchProducer | undefined {
  const header = readBatchHeader(batch);
  const { producerId, producerEpoch: epoch, baseSequence } = header;
  if (producerId < 0) return undefined;
  return { producerId, epoch, baseSequence, records: header.lastOffsetDelta + 1 };
}

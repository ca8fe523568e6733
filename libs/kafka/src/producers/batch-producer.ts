import { readBatchHeader } from '@genrocks/topics/records';

/** The producer of a batch, and the batch's place in its sequence. */
export interface BatchProducer {
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: number;
  readonly records: number;
}

/**
 * Reads the producer from a batch header; undefined if it is not idempotent.
 * @throws `CORRUPT_BATCH`
 */
export function producerOf(batch: Buffer): BatchProducer | undefined {
  const header = readBatchHeader(batch);
  const { producerId, producerEpoch: epoch, baseSequence } = header;
  if (producerId < 0) return undefined;
  return { producerId, epoch, baseSequence, records: header.lastOffsetDelta + 1 };
}

/** Where the fields lie in a record batch v2. */
const LEADER_EPOCH = 12;
const MAGIC = 16;
const ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23;
const PRODUCER_ID = 43;
const PRODUCER_EPOCH = 51;
const BASE_SEQUENCE = 53;
const HEADER_BYTES = 61;
/** Bytes before those that the batch's length field counts. */
const LOG_OVERHEAD = 12;
const TWO_32 = 0x1_0000_0000;
const TRANSACTIONAL_OR_CONTROL = 0x30;
const CODEC_MASK = 0x07;
const ZSTD = 4;

/** Who wrote a batch, and as which of its batches. */
export interface BatchProducer {
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: number;
  readonly records: number;
}

/** Bytes of the first batch in `records` as its length field says, or undefined where not even that is there. */
export function firstBatchBytes(records: Buffer): number | undefined {
  return records.length < HEADER_BYTES ? undefined : records.readInt32BE(8) + LOG_OVERHEAD;
}

export function magicOf(batch: Buffer): number {
  return batch.readInt8(MAGIC);
}

export function isTransactionalOrControl(batch: Buffer): boolean {
  return (batch.readInt16BE(ATTRIBUTES) & TRANSACTIONAL_OR_CONTROL) !== 0;
}

export function isZstd(batch: Buffer): boolean {
  return (batch.readInt16BE(ATTRIBUTES) & CODEC_MASK) === ZSTD;
}

/** Undefined for a producer that is not idempotent. */
export function producerOf(batch: Buffer): BatchProducer | undefined {
  const producerId = batch.readInt32BE(PRODUCER_ID) * TWO_32 + batch.readUInt32BE(PRODUCER_ID + 4);
  if (producerId < 0) return undefined;
  return {
    producerId,
    epoch: batch.readInt16BE(PRODUCER_EPOCH),
    baseSequence: batch.readInt32BE(BASE_SEQUENCE),
    records: batch.readInt32BE(LAST_OFFSET_DELTA) + 1,
  };
}

/** Sets the leader's epoch in place; the checksum does not cover it. */
export function patchLeaderEpoch(batch: Buffer, epoch: number): void {
  batch.writeInt32BE(epoch, LEADER_EPOCH);
}

/** Base offset of a batch as it is stored. */
export function storedBaseOffset(batch: Buffer): number {
  return batch.readInt32BE(0) * TWO_32 + batch.readUInt32BE(4);
}

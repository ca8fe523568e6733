/** Kafka's record batch, version 2, without any record: what a batch is that compaction has emptied. */
const BATCH_BYTES = 61;
const CRC_AT = 17;
const CRC_FROM = 21;

/**
 * Batches that take up offsets without a message in them, so that what comes behind has the offsets it had before.
 * A batch can span 2^31 offsets at most.
 */
export function gapBatches(offsets: number): Buffer[] {
  const batches: Buffer[] = [];
  for (let left = offsets; left > 0;) {
    const span = Math.min(left, 0x7fff_ffff);
    batches.push(emptyBatch(span));
    left -= span;
  }
  return batches;
}

function emptyBatch(offsets: number): Buffer {
  const batch = Buffer.alloc(BATCH_BYTES);
  batch.writeInt32BE(BATCH_BYTES - 12, 8);
  batch.writeInt8(2, 16);
  batch.writeInt32BE(offsets - 1, 23);
  batch.writeBigInt64BE(-1n, 43);
  batch.writeInt16BE(-1, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), CRC_AT);
  return batch;
}

/** Bit by bit, for forty bytes now and then. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}

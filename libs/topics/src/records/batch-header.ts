import { CorruptBatchError } from '../errors.js';
import { crc32c } from './crc32c.js';

// Layout of a Kafka record batch, version 2. The checksum does not cover the fields before CRC_FROM.
const BASE_OFFSET = 0;
const BATCH_LENGTH = 8;
const LEADER_EPOCH = 12;
const MAGIC = 16;
const CRC = 17;
const CRC_FROM = 21;
const ATTRIBUTES = 21;
const LAST_OFFSET_DELTA = 23;
const BASE_TIMESTAMP = 27;
const MAX_TIMESTAMP = 35;
const PRODUCER_ID = 43;
const PRODUCER_EPOCH = 51;
const BASE_SEQUENCE = 53;
const COUNT = 57;

/** Size of a batch header, in bytes. */
export const BATCH_HEADER_BYTES = 61;
/** Size of the base offset and length fields, which the length does not include. */
const LOG_OVERHEAD = 12;

export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
/** Compression of the records in a batch. */
export type Compression = (typeof COMPRESSIONS)[number];

const COMPRESSION_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** The header of a record batch. */
export interface BatchHeader {
  /** Offset of the first record. The partition sets it when it stores the batch. */
  readonly baseOffset: number;
  /** Offset of the last record, relative to the base offset. */
  readonly lastOffsetDelta: number;
  /** Leader epoch of the Kafka protocol; not covered by the checksum. */
  readonly partitionLeaderEpoch: number;
  /** Compression of the records. */
  readonly compression: Compression;
  /** True if all records have the batch's `maxTimestamp` instead of their own timestamps. */
  readonly logAppendTime: boolean;
  /** True for a batch that is part of a transaction. GenRocks does not support transactions. */
  readonly transactional: boolean;
  /** True if the batch holds transaction markers instead of messages. */
  readonly control: boolean;
  /** Timestamp to which those of the records are relative, in milliseconds since 1970. */
  readonly baseTimestamp: number;
  /**
   * Newest timestamp of the records, in milliseconds since 1970, as stated by the producer and not checked.
   */
  readonly maxTimestamp: number;
  /** Id of an idempotent producer; -1 for none. */
  readonly producerId: number;
  /** Epoch of an idempotent producer; -1 for none. */
  readonly producerEpoch: number;
  /** Sequence number that an idempotent producer gave the first record; -1 for none. */
  readonly baseSequence: number;
  /** Number of records. */
  readonly count: number;
}

/**
 * Reads the header and checks that the buffer holds exactly one batch. `checkCrc` checks the bytes.
 * @throws {CorruptBatchError} `CORRUPT_BATCH`
 */
export function readBatchHeader(batch: Buffer): BatchHeader {
  if (batch.length < BATCH_HEADER_BYTES) {
    throw new CorruptBatchError(`${batch.length} bytes are fewer than a header's ${BATCH_HEADER_BYTES}`);
  }
  const length = batch.readInt32BE(BATCH_LENGTH);
  if (length !== batch.length - LOG_OVERHEAD) {
    throw new CorruptBatchError(
      `its length field says ${length}, but ${batch.length - LOG_OVERHEAD} bytes follow`,
    );
  }
  const magic = batch.readInt8(MAGIC);
  if (magic !== 2)
    throw new CorruptBatchError(`its version is ${magic}, but only version 2 is supported`, { magic });
  const attributes = batch.readInt16BE(ATTRIBUTES);
  const compression = COMPRESSIONS[attributes & COMPRESSION_MASK];
  if (compression === undefined) {
    throw new CorruptBatchError(`compression codec ${attributes & COMPRESSION_MASK} is unknown`);
  }
  const count = batch.readInt32BE(COUNT);
  const lastOffsetDelta = batch.readInt32BE(LAST_OFFSET_DELTA);
  if (count < 0 || lastOffsetDelta < 0 || count > lastOffsetDelta + 1) {
    throw new CorruptBatchError(`${count} records cannot end at offset delta ${lastOffsetDelta}`);
  }
  return {
    baseOffset: readInt64(batch, BASE_OFFSET),
    lastOffsetDelta,
    partitionLeaderEpoch: batch.readInt32BE(LEADER_EPOCH),
    compression,
    logAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    baseTimestamp: readInt64(batch, BASE_TIMESTAMP),
    maxTimestamp: readInt64(batch, MAX_TIMESTAMP),
    producerId: readInt64(batch, PRODUCER_ID),
    producerEpoch: batch.readInt16BE(PRODUCER_EPOCH),
    baseSequence: batch.readInt32BE(BASE_SEQUENCE),
    count,
  };
}

/**
 * Compares the checksum.
 * @throws {CorruptBatchError} `CORRUPT_BATCH` if it does not match the bytes
 */
export function checkCrc(batch: Buffer): void {
  const stored = batch.readUInt32BE(CRC);
  const actual = crc32c(batch.subarray(CRC_FROM));
  if (stored !== actual) {
    throw new CorruptBatchError(
      `its checksum field says ${hex(stored)}, but its bytes have the checksum ${hex(actual)}`,
    );
  }
}

/**
 * Size of the first batch in `bytes` according to its length field, which may exceed the bytes present or be
 * nonsense; undefined if the header is incomplete.
 */
export function firstBatchBytes(bytes: Buffer): number | undefined {
  return bytes.length < BATCH_HEADER_BYTES ? undefined : bytes.readInt32BE(BATCH_LENGTH) + LOG_OVERHEAD;
}

/** The format version: 2 for record batches, lower for the older message sets. */
export function magicOf(batch: Buffer): number {
  return batch.readInt8(MAGIC);
}

/** Sets the leader epoch in place. The checksum does not cover it. */
export function patchLeaderEpoch(batch: Buffer, epoch: number): void {
  batch.writeInt32BE(epoch, LEADER_EPOCH);
}

/** Sets the base offset in place. The checksum does not cover it. */
export function patchBaseOffset(batch: Buffer, baseOffset: number): void {
  writeInt64(batch, BASE_OFFSET, baseOffset);
}

/** Updates the header after the records were compressed. */
export function setCompression(batch: Buffer, compression: Compression): void {
  const attributes = batch.readInt16BE(ATTRIBUTES) & ~COMPRESSION_MASK;
  batch.writeInt16BE(attributes | COMPRESSIONS.indexOf(compression), ATTRIBUTES);
  batch.writeInt32BE(batch.length - LOG_OVERHEAD, BATCH_LENGTH);
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), CRC);
}

/** Base offset of a batch whose header was checked before. */
export function baseOffsetOf(batch: Buffer): number {
  return readInt64(batch, BASE_OFFSET);
}

/** The offset after the last record of a batch whose header was checked before. */
export function nextOffsetOf(batch: Buffer): number {
  return readInt64(batch, BASE_OFFSET) + batch.readInt32BE(LAST_OFFSET_DELTA) + 1;
}

/** Newest timestamp of a batch whose header was checked before, as stated by its producer. */
export function maxTimestampOf(batch: Buffer): number {
  return readInt64(batch, MAX_TIMESTAMP);
}

/** The header fields of a new batch: uncompressed, from a non-idempotent producer. */
export interface NewBatch {
  readonly baseOffset: number;
  readonly count: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
}

/** Writes the header and checksum of a batch whose records are already in place after the header. */
export function writeBatchHeader(batch: Buffer, header: NewBatch): void {
  writeInt64(batch, BASE_OFFSET, header.baseOffset);
  batch.writeInt32BE(batch.length - LOG_OVERHEAD, BATCH_LENGTH);
  batch.writeInt32BE(0, LEADER_EPOCH);
  batch.writeInt8(2, MAGIC);
  batch.writeInt16BE(0, ATTRIBUTES);
  batch.writeInt32BE(header.count - 1, LAST_OFFSET_DELTA);
  writeInt64(batch, BASE_TIMESTAMP, header.baseTimestamp);
  writeInt64(batch, MAX_TIMESTAMP, header.maxTimestamp);
  writeInt64(batch, PRODUCER_ID, -1);
  batch.writeInt16BE(-1, PRODUCER_EPOCH);
  batch.writeInt32BE(-1, BASE_SEQUENCE);
  batch.writeInt32BE(header.count, COUNT);
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), CRC);
}

const TWO_32 = 0x1_0000_0000;

/** Reads a signed 64-bit integer. Exact within +-2^53, the range of offsets and timestamps. */
function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * TWO_32 + buffer.readUInt32BE(at + 4);
}

function writeInt64(buffer: Buffer, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * TWO_32, at + 4);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

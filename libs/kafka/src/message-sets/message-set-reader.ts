import { crc32 } from 'node:zlib';
import { type Compression, CorruptBatchError } from '@genrocks/topics';
import { decompress, type RecordInput } from '@genrocks/topics/records';

// Message sets, versions 0 and 1: each entry is an offset, a size and a message. Messages of version 1 have a timestamp.
const SIZE = 8;
export const MESSAGE = 12;
export const CRC_BYTES = 4;
const MAGIC = 4;
const ATTRIBUTES = 5;
const TIMESTAMP = 6;

/** Bytes of a message before its key. */
export const FIELDS_BYTES = [6, 14] as const;
const CODECS = ['none', 'gzip', 'snappy', 'lz4'] as const;
const CODEC_MASK = 0x07;
/**
 * Most messages of one set. A message of 26 bytes, compressed to almost nothing, becomes an object many times its size.
 */
export const MAX_MESSAGES = 100_000;

export interface MessageSet {
  readonly records: readonly RecordInput[];
  /** The compression of its last message. */
  readonly compression: Compression;
}

/**
 * Reads a message set of a producer before Kafka 0.11. Compressed messages form a message set of their own, in the
 * value of an outer message.
 * @param now timestamp for messages without one
 * @param maxUnpackedBytes most bytes that all compressed messages together may unpack to
 * @throws {CorruptBatchError} `CORRUPT_BATCH`
 * @throws `UNSUPPORTED_COMPRESSION`
 */
export function readMessageSet(set: Buffer, now: number, maxUnpackedBytes: number): MessageSet {
  const records: RecordInput[] = [];
  let compression: Compression = 'none';
  let room = maxUnpackedBytes;
  const take = (record: RecordInput) => {
    if (records.length === MAX_MESSAGES)
      throw new CorruptBatchError(`the message set has more than ${MAX_MESSAGES} messages`);
    records.push(record);
  };
  for (const outer of messages(set, now)) {
    compression = outer.compression;
    if (compression === 'none') {
      take(outer.record);
      continue;
    }
    const unpacked = decompress(compression, outer.record.value ?? Buffer.alloc(0));
    room -= unpacked.length;
    if (room < 0) throw new CorruptBatchError(`the messages unpack to more than ${maxUnpackedBytes} bytes`);
    for (const inner of messages(unpacked, now)) {
      if (inner.compression !== 'none')
        throw new CorruptBatchError('a compressed message contains another compressed message');
      take(inner.record);
    }
  }
  if (records.length === 0) throw new CorruptBatchError('the message set is empty');
  return { records, compression };
}

interface ReadMessage {
  readonly record: RecordInput & { readonly value: Buffer | null };
  readonly compression: Compression;
}

function* messages(set: Buffer, now: number): Generator<ReadMessage> {
  for (let at = 0; at < set.length;) {
    if (at + MESSAGE > set.length) throw new CorruptBatchError('a message is cut short');
    const end = at + MESSAGE + set.readInt32BE(at + SIZE);
    if (end > set.length || end < at + MESSAGE + FIELDS_BYTES[0]) {
      throw new CorruptBatchError('the size of a message is wrong');
    }
    yield readMessage(set.subarray(at + MESSAGE, end), now);
    at = end;
  }
}

function readMessage(message: Buffer, now: number): ReadMessage {
  const magic = message[MAGIC];
  if (magic !== 0 && magic !== 1) throw new CorruptBatchError(`a message has version ${magic}`);
  if (crc32(message.subarray(CRC_BYTES)) !== message.readUInt32BE(0)) {
    throw new CorruptBatchError('the checksum of a message does not match');
  }
  const compression = CODECS[message[ATTRIBUTES]! & CODEC_MASK];
  if (compression === undefined) throw new CorruptBatchError('the codec of a message is unknown');
  const key = readField(message, FIELDS_BYTES[magic]);
  const value = readField(message, key.end);
  if (value.end !== message.length) throw new CorruptBatchError('a message has extra bytes at its end');
  const timestamp = magic === 0 ? now : Number(message.readBigInt64BE(TIMESTAMP));
  if (!Number.isSafeInteger(timestamp)) throw new CorruptBatchError('a timestamp is out of range');
  // A message without a timestamp has -1.
  const record = {
    key: key.bytes,
    value: value.bytes,
    headers: [],
    timestamp: timestamp < 0 ? now : timestamp,
  };
  return { record, compression };
}

function readField(message: Buffer, at: number): { bytes: Buffer | null; end: number } {
  const begin = at + 4;
  const length = begin > message.length ? -2 : message.readInt32BE(at);
  if (length < -1 || begin + length > message.length) throw new CorruptBatchError('a message is cut short');
  return length === -1
    ? { bytes: null, end: begin }
    : { bytes: message.subarray(begin, begin + length), end: begin + length };
}

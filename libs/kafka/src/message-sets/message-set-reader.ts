import { crc32 } from 'node:zlib';
import { type Compression, CorruptBatchError } from '@genrocks/topics';
import { decompress, type RecordInput } from '@genrocks/topics/records';

// Message sets, versions 0 and 1: entries of an offset and a size, then a message. Version 1 has a timestamp.
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
/** Messages of one set: each of 26 bytes, which may be packed to none, becomes an object many times that. */
export const MAX_MESSAGES = 100_000;

export interface MessageSet {
  readonly records: readonly RecordInput[];
  /** How the last of its messages was packed. */
  readonly compression: Compression;
}

/**
 * Reads what producers before Kafka 0.11 send. Compressed messages are message sets in the value of a message, packed
 * as one.
 * @param now for messages of version 0, which have no time of their own
 * @param maxUnpackedBytes the most that all compressed messages together may unpack to
 * @throws {CorruptBatchError} `CORRUPT_BATCH`
 * @throws `UNSUPPORTED_COMPRESSION`
 */
export function readMessageSet(set: Buffer, now: number, maxUnpackedBytes: number): MessageSet {
  const records: RecordInput[] = [];
  let compression: Compression = 'none';
  let room = maxUnpackedBytes;
  const take = (record: RecordInput) => {
    if (records.length === MAX_MESSAGES)
      throw new CorruptBatchError(`it has more than ${MAX_MESSAGES} messages`);
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
    if (room < 0) throw new CorruptBatchError(`its messages unpack to more than ${maxUnpackedBytes} bytes`);
    for (const inner of messages(unpacked, now)) {
      if (inner.compression !== 'none')
        throw new CorruptBatchError('compressed messages hold compressed ones');
      take(inner.record);
    }
  }
  if (records.length === 0) throw new CorruptBatchError('it has no messages');
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
      throw new CorruptBatchError('a message says it has more bytes than there are, or too few');
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
  if (value.end !== message.length) throw new CorruptBatchError('there are bytes behind a message');
  const timestamp = magic === 0 ? now : Number(message.readBigInt64BE(TIMESTAMP));
  if (!Number.isSafeInteger(timestamp)) throw new CorruptBatchError('a timestamp is out of range');
  // Without a time of its own: -1.
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

import { crc32 } from 'node:zlib';
import { BatchReader, type RecordView } from '@genrocks/topics/records';
import { CRC_BYTES, FIELDS_BYTES, MESSAGE } from './message-set-reader.js';

/** Version of the messages; those of version 1 have timestamps. */
export type MessageMagic = 0 | 1;

/**
 * Converts batches to a message set for consumers before Kafka 0.11: uncompressed messages without headers, from
 * `fromOffset` on. The set is at most `maxBytes` long, but has at least one message.
 * @throws `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION`
 */
export function writeMessageSet(
  batches: readonly Buffer[],
  magic: MessageMagic,
  fromOffset: number,
  maxBytes: number,
): Buffer {
  const set: Buffer[] = [];
  let bytes = 0;
  for (const batch of batches) {
    const reader = new BatchReader(batch, { verify: false });
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      if (record.offset < fromOffset) continue;
      const size = messageBytes(record, magic);
      if (bytes > 0 && bytes + size > maxBytes) return Buffer.concat(set);
      set.push(writeMessage(record, magic, size));
      bytes += size;
    }
  }
  return Buffer.concat(set);
}

function messageBytes({ keyLength, valueLength }: RecordView, magic: MessageMagic): number {
  return MESSAGE + FIELDS_BYTES[magic] + 8 + Math.max(keyLength, 0) + Math.max(valueLength, 0);
}

function writeMessage(record: RecordView, magic: MessageMagic, size: number): Buffer {
  const entry = Buffer.allocUnsafe(size);
  let at = entry.writeBigInt64BE(BigInt(record.offset), 0);
  at = entry.writeInt32BE(size - MESSAGE, at) + CRC_BYTES;
  at = entry.writeInt8(magic, at);
  at = entry.writeInt8(0, at);
  if (magic === 1) at = entry.writeBigInt64BE(BigInt(record.timestamp), at);
  at = writeField(entry, at, record.buffer, record.keyAt, record.keyLength);
  writeField(entry, at, record.buffer, record.valueAt, record.valueLength);
  entry.writeUInt32BE(crc32(entry.subarray(MESSAGE + CRC_BYTES)), MESSAGE);
  return entry;
}

function writeField(to: Buffer, at: number, from: Buffer, begin: number, length: number): number {
  at = to.writeInt32BE(length, at);
  return length > 0 ? at + from.copy(to, at, begin, begin + length) : at;
}

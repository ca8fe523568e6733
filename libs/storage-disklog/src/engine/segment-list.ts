import { crc32 } from 'node:zlib';

/**
 * The segments of a compact log, `log.segments`: oldest first, the one being written last.
 *
 *   magic:u32 count:u32 { number:u32 generation:u32 end:u64 lastSequence:u64 clean:u8 }* crc32:u32
 *
 * A file that the list does not name holds nothing that counts: it was being made, or has been merged into others. A
 * compact log without a list is `log` alone.
 */
export interface SegmentRecord {
  /** The N of `log.cN`, 0 for `log`. No number is given twice while the log is open. */
  readonly number: number;
  readonly generation: number;
  /** Size in bytes and last item's sequence of a closed segment; 0 for the one being written. */
  readonly end: number;
  readonly lastSequence: number;
  /** The last compaction covered this segment, and left only entries in it that were not outdated then. */
  readonly clean: boolean;
}

const MAGIC = 0x47525347;
const RECORD_BYTES = 25;
const HEAD_BYTES = 8;

export function writeSegmentList(records: readonly SegmentRecord[]): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + RECORD_BYTES * records.length + 4);
  bytes.writeUInt32BE(MAGIC, 0);
  let at = bytes.writeUInt32BE(records.length, 4);
  for (const { number, generation, end, lastSequence, clean } of records) {
    at = bytes.writeUInt32BE(number, at);
    at = bytes.writeUInt32BE(generation, at);
    at = bytes.writeBigUInt64BE(BigInt(end), at);
    at = bytes.writeBigUInt64BE(BigInt(lastSequence), at);
    at = bytes.writeUInt8(clean ? 1 : 0, at);
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(0, at)), at);
  return bytes;
}

/** Undefined if the bytes are not such a list, or are damaged. */
export function readSegmentList(bytes: Buffer): SegmentRecord[] | undefined {
  if (bytes.length < HEAD_BYTES + RECORD_BYTES + 4 || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  const crcAt = bytes.length - 4;
  if (bytes.length !== HEAD_BYTES + RECORD_BYTES * bytes.readUInt32BE(4) + 4) return undefined;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32BE(crcAt)) return undefined;
  const records: SegmentRecord[] = [];
  for (let at = HEAD_BYTES; at < crcAt; at += RECORD_BYTES) {
    records.push({
      number: bytes.readUInt32BE(at),
      generation: bytes.readUInt32BE(at + 4),
      end: Number(bytes.readBigUInt64BE(at + 8)),
      lastSequence: Number(bytes.readBigUInt64BE(at + 16)),
      clean: bytes[at + 24] === 1,
    });
  }
  return records;
}

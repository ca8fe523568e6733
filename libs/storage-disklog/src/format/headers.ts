/**
 * The small fixed parts of a log: the head of a log file, `log.idx` and `log.siz`. Source: Erlang/OTP, kernel,
 * disk_log_1 (wrap logs: index file version 2, size file version 2).
 */
export const FILE_HEAD = 8;
const LOG_MAGIC = Buffer.from([1, 2, 3, 4]);
const OPENED = Buffer.from([6, 7, 8, 9]);
const CLOSED = Buffer.from([0x63, 0x58, 0x4d, 0x0b]);

export type FileStatus = 'opened' | 'closed' | 'unknown';

export function fileHead(status: 'opened' | 'closed'): Buffer {
  return Buffer.concat([LOG_MAGIC, status === 'opened' ? OPENED : CLOSED]);
}

/** The status in a file's head; undefined if the bytes are not a head. */
export function readFileHead(head: Buffer): FileStatus | undefined {
  if (head.length < FILE_HEAD || !head.subarray(0, 4).equals(LOG_MAGIC)) return undefined;
  const status = head.subarray(4, 8);
  return status.equals(OPENED) ? 'opened' : status.equals(CLOSED) ? 'closed' : 'unknown';
}

/** Which file is being written, and how many items each file held when it was closed (index 0: file 1). */
export interface WrapIndex {
  readonly current: number;
  readonly counts: readonly number[];
}

export function writeIndexFile(index: WrapIndex): Buffer {
  const bytes = Buffer.alloc(10 + 8 * index.counts.length);
  bytes[5] = 2;
  bytes.writeUInt32BE(index.current, 6);
  index.counts.forEach((count, i) => bytes.writeBigUInt64BE(BigInt(count), 10 + 8 * i));
  return bytes;
}

/** Reads all three versions of the file; undefined if it is none of them. */
export function readIndexFile(bytes: Buffer): WrapIndex | undefined {
  if (bytes.length >= 10 && bytes.readUIntBE(0, 5) === 0 && bytes[5] === 2) {
    return table(bytes.readUInt32BE(6), bytes.subarray(10), 8);
  }
  if (bytes.length >= 5 && bytes[0] === 0) return table(bytes.readUInt32BE(1), bytes.subarray(5), 4);
  if (bytes.length >= 1 && bytes[0] !== 0) return table(bytes[0]!, bytes.subarray(1), 4);
  return undefined;
}

function table(current: number, counts: Buffer, width: 4 | 8): WrapIndex | undefined {
  if (current < 1 || current > MAX_FILES || counts.length % width !== 0) return undefined;
  const values: number[] = [];
  for (let at = 0; at < counts.length; at += width) {
    values.push(width === 4 ? counts.readUInt32BE(at) : Number(counts.readBigUInt64BE(at)));
  }
  return { current, counts: values };
}

/** The largest number of files a wrap log may have; Erlang's limit. */
export const MAX_FILES = 65_000;

export interface WrapLimits {
  readonly maxBytes: number;
  readonly maxFiles: number;
}

export function writeSizeFile(limits: WrapLimits): Buffer {
  const bytes = Buffer.alloc(13);
  bytes[0] = 2;
  bytes.writeBigUInt64BE(BigInt(limits.maxBytes), 1);
  bytes.writeUInt32BE(limits.maxFiles, 9);
  return bytes;
}

export function readSizeFile(bytes: Buffer): WrapLimits | undefined {
  if (bytes.length === 13 && bytes[0] === 2) {
    return { maxBytes: Number(bytes.readBigUInt64BE(1)), maxFiles: bytes.readUInt32BE(9) };
  }
  if (bytes.length === 8) return { maxBytes: bytes.readUInt32BE(0), maxFiles: bytes.readUInt32BE(4) };
  return undefined;
}

import { createHash } from 'node:crypto';
import { putNumber, putUint16, putUint32 } from './big-endian.js';
import { crc32 } from './crc32.js';
import { type EntryWrite, termSize, writeTerm, writeTermAround } from './entry.js';
import { type DecodedTerm, readTerm } from './entry-decoder.js';

/**
 * Items as Erlang's disk_log frames them (`size:u32, "bWLA", [md5], bytes`), with a trailer of ours after the term.
 * `binary_to_term` ignores bytes after the term, so Erlang reads items with a trailer, and we read items without one.
 * Source: Erlang/OTP, kernel, disk_log and disk_log_1.
 *
 * Trailer, 24 bytes, big-endian, included in `size`:
 *   magic:u16  synced:u48  generation:u32  sequence:u64  crc32:u32
 *
 * The checksum covers everything before it: size, magic, MD5 if present, term, and the trailer's own fields. It
 * starts from the item's position in its file. So a copy of an item anywhere else (inside a value that contains part
 * of a log, or in a block that the device put in the wrong place) is not an item.
 */
export const ITEM_HEAD = 8;
export const MAGIC = 0x62574c41;
const LEGACY_MAGIC = 0x0c212c37;
/** From this size on, Erlang puts an MD5 of the four size bytes between magic and term. */
export const MD5_FROM = 65528;
const MD5_SIZE = 16;
export const TRAILER_SIZE = 24;
export const TRAILER_MAGIC = 0x4754;
/** Largest size of an item. The field is a u32, but only buffers up to this size are cheap to index. */
const MAX_ITEM_SIZE = 0x7fff_ffff;

/** What an item says of its place in the log, protected by its checksum. */
export interface Trailer {
  /** Numbers the items of a log, from 1. */
  readonly sequence: number;
  /** Numbers the files of a log; bytes left over from an earlier use of the file carry another generation. */
  readonly generation: number;
  /**
   * Up to here the file was known to be on stable storage when this item was written. After a crash this tells a torn
   * group from rot: bytes missing below `synced` were acknowledged once, bytes above it were not.
   */
  readonly synced: number;
}

/** Size in bytes of the item that {@link writeItem} writes. */
export function itemSize(entries: readonly EntryWrite[]): number {
  const size = termSize(entries) + TRAILER_SIZE;
  return ITEM_HEAD + (size >= MD5_FROM ? MD5_SIZE : 0) + size;
}

/** Writes a whole item that will stand at `position` of its file; returns where it ends in the buffer. */
export function writeItem(
  entries: readonly EntryWrite[],
  timestamp: number,
  trailer: Trailer,
  target: Buffer,
  start: number,
  position: number,
): number {
  const at = writeHead(termSize(entries) + TRAILER_SIZE, target, start);
  const end = writeTerm(entries, timestamp, target, at) + TRAILER_SIZE;
  sealItem(trailer, target, start, end, position);
  return end;
}

/** A value that is elsewhere in memory than the rest of its item. */
export interface ValueApart {
  /** Where its bytes belong in the buffer that holds the rest. */
  readonly at: number;
  readonly bytes: Buffer;
}

/** Like {@link writeItem}, for one entry whose value's bytes stay where they are; returns where they belong. */
export function writeItemAround(
  key: Buffer,
  value: Buffer,
  timestamp: number,
  trailer: Trailer,
  target: Buffer,
  start: number,
  position: number,
): ValueApart {
  const at = writeHead(termSize([{ key, value }]) + TRAILER_SIZE, target, start);
  const { valueAt, end } = writeTermAround(key, value.length, timestamp, target, at);
  const apart = { at: valueAt, bytes: value };
  sealItem(trailer, target, start, end + TRAILER_SIZE, position, apart);
  return apart;
}

function writeHead(size: number, target: Buffer, start: number): number {
  let at = putUint32(target, start, size);
  at = putUint32(target, at, MAGIC);
  if (size >= MD5_FROM) at += sizeDigest(target.subarray(start, start + 4)).copy(target, at);
  return at;
}

/** Offset of the term in an item of this length. */
export function termOffset(itemLength: number): number {
  return itemLength - ITEM_HEAD - MD5_SIZE >= MD5_FROM ? ITEM_HEAD + MD5_SIZE : ITEM_HEAD;
}

/**
 * Writes the trailer of an item that is otherwise complete.
 * @param apart its value, if that is not in the buffer; `end` then does not count it
 */
export function sealItem(
  trailer: Trailer,
  target: Buffer,
  start: number,
  end: number,
  position: number,
  apart?: ValueApart,
): void {
  let at = putUint16(target, end - TRAILER_SIZE, TRAILER_MAGIC);
  at = putNumber(target, at, trailer.synced, 6);
  at = putUint32(target, at, trailer.generation);
  at = putNumber(target, at, trailer.sequence, 8);
  let crc = positionSeed(position);
  let from = start;
  if (apart !== undefined) {
    crc = crc32(apart.bytes, crc32(target.subarray(start, apart.at), crc));
    from = apart.at;
  }
  putUint32(target, at, crc32(target.subarray(from, at), crc));
}

/** The frame of an item: where its term starts and where the item ends. */
export interface Frame {
  readonly start: number;
  readonly termStart: number;
  readonly end: number;
  readonly legacy: boolean;
}

/** The most bytes needed to tell how long an item is: 8, or 24 with the MD5. */
export const MAX_FRAME_HEAD = ITEM_HEAD + MD5_SIZE;

/**
 * Reads a frame whose first {@link MAX_FRAME_HEAD} bytes (or all bytes up to the end of the file) are in the buffer.
 * Undefined if there is no frame.
 */
export function readFrame(buffer: Buffer, start: number, available: number): Frame | undefined {
  if (available - start < ITEM_HEAD) return undefined;
  const magic = buffer.readUInt32BE(start + 4);
  const size = buffer.readUInt32BE(start);
  if (magic === LEGACY_MAGIC) {
    return { start, termStart: start + ITEM_HEAD, end: start + ITEM_HEAD + size, legacy: true };
  }
  if (magic !== MAGIC || size === 0 || size > MAX_ITEM_SIZE) return undefined;
  if (size < MD5_FROM)
    return { start, termStart: start + ITEM_HEAD, end: start + ITEM_HEAD + size, legacy: false };
  const termStart = start + ITEM_HEAD + MD5_SIZE;
  if (available < termStart) return undefined;
  const digest = sizeDigest(buffer.subarray(start, start + 4));
  if (digest.compare(buffer, start + ITEM_HEAD, termStart) !== 0) return undefined;
  return { start, termStart, end: termStart + size, legacy: false };
}

/** A whole item that passed its checks. */
export interface Item extends DecodedTerm {
  /** Undefined for an item that Erlang wrote: nothing protects it, so it is readable but unverified. */
  readonly trailer: Trailer | undefined;
}

/** Why bytes are not an item. A value instead of an exception, since scanning damaged files meets many. */
export interface BadItem {
  readonly reason: string;
}

/** Reads and checks an item whose whole frame is in the buffer, and which stands at `position` of its file. */
export function readItem(buffer: Buffer, frame: Frame, position: number): Item | BadItem {
  const trailer = readTrailer(buffer, frame, position);
  if (trailer === undefined || 'reason' in trailer) {
    // An item of Erlang's may carry the trailer's magic by chance; its term then reaches to the very end.
    const bare = readBody(buffer, frame.termStart, frame.end);
    return 'reason' in bare ? (trailer ?? bare) : { ...bare, trailer: undefined };
  }
  const body = readBody(buffer, frame.termStart, frame.end - TRAILER_SIZE);
  return 'reason' in body ? body : { ...body, trailer };
}

function readBody(buffer: Buffer, start: number, end: number): DecodedTerm | BadItem {
  try {
    const decoded = readTerm(buffer, start, end);
    return decoded.end === end ? decoded : { reason: 'extra bytes after the term' };
  } catch (error) {
    return { reason: `not a log entry (${(error as Error).message})` };
  }
}

/** The trailer; a `reason` if its checksum fails; undefined if the item has none. */
export function readTrailer(buffer: Buffer, frame: Frame, position: number): Trailer | BadItem | undefined {
  const at = frame.end - TRAILER_SIZE;
  const trailer = frame.legacy || at <= frame.termStart ? undefined : parseTrailer(buffer, at);
  if (trailer === undefined) return undefined;
  const crcAt = frame.end - 4;
  if (crc32(buffer.subarray(frame.start, crcAt), positionSeed(position)) !== buffer.readUInt32BE(crcAt))
    return { reason: 'checksum mismatch' };
  return trailer;
}

/** A trailer's fields without any check; undefined if its magic is missing. */
export function parseTrailer(buffer: Buffer, at: number): Trailer | undefined {
  if (buffer.length < at + TRAILER_SIZE || buffer.readUInt16BE(at) !== TRAILER_MAGIC) return undefined;
  return {
    synced: buffer.readUIntBE(at + 2, 6),
    generation: buffer.readUInt32BE(at + 8),
    sequence: buffer.readUInt32BE(at + 12) * 0x1_0000_0000 + buffer.readUInt32BE(at + 16),
  };
}

/** The value that an item's checksum starts from. */
export function positionSeed(position: number): number {
  return position % 0x1_0000_0000;
}

function sizeDigest(sizeBytes: Buffer): Buffer {
  return createHash('md5').update(sizeBytes).digest();
}

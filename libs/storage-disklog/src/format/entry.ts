import { putUint32 } from './big-endian.js';
import { type Term, VERSION_MAGIC } from './term.js';

/** The atom that stands for the value of a deleted key. */
export const TOMBSTONE = '__tombstone__';

/**
 * Parts of the term `{key, value, timestamp}`: a version byte, a tuple of 3, two binaries with 5-byte heads, and a
 * bignum of 6 bytes with a 3-byte head. Given as constants so that the writer can size a group before encoding it.
 */
export const TUPLE_HEAD = 2;
export const BINARY_HEAD = 5;
export const TIMESTAMP_SIZE = 9;
/** ATOM_EXT, which every OTP release reads: `uint16` length and the name. */
export const TOMBSTONE_TERM: Buffer = Buffer.concat([
  Buffer.from([100, 0, TOMBSTONE.length]),
  Buffer.from(TOMBSTONE, 'latin1'),
]);
export const LIST_HEAD = 5;
export const NIL = 106;
export const LIST = 108;
export const BINARY = 109;

/** One write as it goes into an item. No value means that the key is deleted. */
export interface EntryWrite {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
  /** The value's bytes do not change until the write has settled. */
  readonly lent?: boolean;
}

/** One write as it stands in a log. */
export interface Entry {
  readonly key: Buffer;
  /** The value's bytes; a value that is not a binary reads as its JSON text. Undefined if the key is deleted. */
  readonly value: Buffer | undefined;
  readonly timestamp: number;
  /** The value, if Erlang wrote one that is not a binary. */
  readonly term?: Term;
}

function tupleSize(entry: EntryWrite): number {
  const value = entry.value === undefined ? TOMBSTONE_TERM.length : BINARY_HEAD + entry.value.length;
  return TUPLE_HEAD + BINARY_HEAD + entry.key.length + value + TIMESTAMP_SIZE;
}

/** Size in bytes of the term that {@link writeTerm} writes. */
export function termSize(entries: readonly EntryWrite[]): number {
  let size = 1;
  for (const entry of entries) size += tupleSize(entry);
  return entries.length === 1 ? size : size + LIST_HEAD + 1;
}

/** Writes one entry as a tuple, several as a list of tuples. A batch is one item, which makes it atomic. */
export function writeTerm(
  entries: readonly EntryWrite[],
  timestamp: number,
  target: Buffer,
  start: number,
): number {
  let at = start;
  target[at++] = VERSION_MAGIC;
  const isList = entries.length !== 1;
  if (isList) {
    target[at++] = LIST;
    at = putUint32(target, at, entries.length);
  }
  for (const entry of entries) at = writeTuple(entry, timestamp, target, at);
  if (isList) target[at++] = NIL;
  return at;
}

/**
 * Writes the term of one entry without its value's bytes. Returns where those belong, and where the term ends without
 * them.
 */
export function writeTermAround(
  key: Buffer,
  valueLength: number,
  timestamp: number,
  target: Buffer,
  start: number,
): { valueAt: number; end: number } {
  target[start] = VERSION_MAGIC;
  const valueAt = writeBinaryHead(valueLength, target, writeTupleStart(key, target, start + 1));
  return { valueAt, end: writeTimestamp(timestamp, target, valueAt) };
}

function writeTuple(entry: EntryWrite, timestamp: number, target: Buffer, start: number): number {
  let at = writeTupleStart(entry.key, target, start);
  if (entry.value === undefined) at += TOMBSTONE_TERM.copy(target, at);
  else at = writeBinary(entry.value, target, at);
  return writeTimestamp(timestamp, target, at);
}

/** Writes the tuple's head and its key. */
function writeTupleStart(key: Buffer, target: Buffer, start: number): number {
  target[start] = 104;
  target[start + 1] = 3;
  return writeBinary(key, target, start + TUPLE_HEAD);
}

function writeTimestamp(timestamp: number, target: Buffer, start: number): number {
  let at = start;
  target[at++] = 110;
  target[at++] = 6;
  target[at++] = 0;
  const high = Math.floor(timestamp / 0x1_0000_0000);
  target[at++] = timestamp;
  target[at++] = timestamp >>> 8;
  target[at++] = timestamp >>> 16;
  target[at++] = timestamp >>> 24;
  target[at++] = high;
  target[at++] = high >>> 8;
  return at;
}

function writeBinary(bytes: Buffer, target: Buffer, start: number): number {
  const at = writeBinaryHead(bytes.length, target, start);
  // Short copies are cheaper byte by byte than through the native call.
  if (bytes.length > 32) {
    target.set(bytes, at);
    return at + bytes.length;
  }
  for (let i = 0; i < bytes.length; i++) target[at + i] = bytes[i]!;
  return at + bytes.length;
}

function writeBinaryHead(length: number, target: Buffer, start: number): number {
  target[start] = BINARY;
  return putUint32(target, start + 1, length);
}

import { keyStringAt } from '@genrocks/storage';
import { putUint32, uint32 } from './big-endian.js';
import { crc32 } from './crc32.js';
import { Atom, type Term, TermError, TermReader, Tuple, VERSION_MAGIC, termToJson } from './term.js';

/** The atom that stands for the value of a deleted key. */
const TOMBSTONE = '__tombstone__';

/**
 * `{key, value, timestamp}` with binaries: version, tuple of 3, two binary heads, an 8-byte-headed bignum of 6 bytes.
 * Kept apart so that the writer can size a group before it encodes it.
 */
const TUPLE_HEAD = 2;
const BINARY_HEAD = 5;
const TIMESTAMP_SIZE = 9;
/** ATOM_EXT, which every OTP release reads, `uint16` length and the name. */
const TOMBSTONE_TERM = Buffer.concat([
  Buffer.from([100, 0, TOMBSTONE.length]),
  Buffer.from(TOMBSTONE, 'latin1'),
]);
const LIST_HEAD = 5;
const NIL = 106;
export const LIST = 108;
const BINARY = 109;

/** One write as it goes into an item; no value means the key is deleted. */
export interface EntryWrite {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
  /** The value's bytes stay as they are until the write has settled. */
  readonly lent?: boolean;
}

/** One write as it stands in a log. */
export interface Entry {
  readonly key: Buffer;
  /** The value's bytes; a value that is not a binary reads as its JSON text. Undefined: the key is deleted. */
  readonly value: Buffer | undefined;
  readonly timestamp: number;
  /** The value where Erlang wrote one that is not a binary. */
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

/** Writes one entry as a tuple, several as a list of tuples, which is what makes a batch atomic: it is one item. */
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
 * Writes the term of one entry without its value's bytes; returns where these belong, and where the term ends without
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

/** The tuple's head and its key. */
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

/** Where an entry stands in a log file. */
export interface Slot {
  /** The item's position and whole length in its file. */
  readonly at: number;
  readonly length: number;
  /** Which entry of the item it is; a batch has several. */
  readonly index: number;
  readonly deleted: boolean;
  /**
   * Of an entry in a batch: where its own bytes are in the item, and their checksum, so that it can be read without the
   * others. `inner` 0: it is read with its item, whose checksum covers it.
   */
  readonly inner: number;
  readonly innerLength: number;
  readonly crc: number;
}

/** Takes an entry of an item. The slot is used again for the next one: what is kept of it must be copied. */
export type OnPlaced = (key: string, slot: Slot) => void;

// One of each is enough, for nothing waits between their being filled and being read; in the time in which a group is
// on its way they would be most of what a write leaves to the garbage collector.
const layout: Writable<Layout> = {
  keyStart: 0,
  keyEnd: 0,
  deleted: false,
  valueStart: 0,
  valueEnd: 0,
  end: 0,
};
const slot: Writable<Slot> = { at: 0, length: 0, index: 0, deleted: false, inner: 0, innerLength: 0, crc: 0 };

export type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/**
 * Tells the entries of an item as {@link writeTerm} lays it out; false where it was laid out in another way, and then
 * some may have been told.
 * @param start of the item in the buffer, and of its term
 * @param at the item's position in its file, and its length
 */
export function placeEntries(
  buffer: Buffer,
  start: number,
  termStart: number,
  at: number,
  length: number,
  onPlaced: OnPlaced,
): boolean {
  slot.at = at;
  slot.length = length;
  slot.index = slot.inner = slot.innerLength = slot.crc = 0;
  if (buffer[termStart + 1] !== LIST) {
    if (!readLayout(buffer, termStart + 1, start + length, layout)) return false;
    slot.deleted = layout.deleted;
    onPlaced(keyStringAt(buffer, layout.keyStart, layout.keyEnd), slot);
    return true;
  }
  const count = uint32(buffer, termStart + 2);
  for (let index = 0, from = termStart + 1 + LIST_HEAD; index < count; index++) {
    if (!readLayout(buffer, from, start + length, layout)) return false;
    const { end } = layout;
    slot.index = index;
    slot.deleted = layout.deleted;
    slot.inner = from - start;
    slot.innerLength = end - from;
    slot.crc = crc32(buffer.subarray(from, end));
    onPlaced(keyStringAt(buffer, layout.keyStart, layout.keyEnd), slot);
    from = end;
  }
  return true;
}

export interface Layout {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly deleted: boolean;
  /** Of the value's bytes; without meaning where the key is deleted. */
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly end: number;
}

/** Finds where the parts of a tuple as {@link writeTuple} writes it are; false where there is none before `limit`. */
export function readLayout(buffer: Buffer, at: number, limit: number, into: Writable<Layout>): boolean {
  const keyStart = at + TUPLE_HEAD + BINARY_HEAD;
  if (keyStart > limit || buffer[at] !== 104 || buffer[at + 1] !== 3 || buffer[at + 2] !== BINARY)
    return false;
  const keyEnd = keyStart + uint32(buffer, at + TUPLE_HEAD + 1);
  if (keyEnd + BINARY_HEAD > limit) return false;
  const deleted = buffer[keyEnd] !== BINARY;
  const valueEnd = keyEnd + (deleted ? TOMBSTONE_TERM.length : BINARY_HEAD + uint32(buffer, keyEnd + 1));
  const end = valueEnd + TIMESTAMP_SIZE;
  if (end > limit || (deleted && TOMBSTONE_TERM.compare(buffer, keyEnd, valueEnd) !== 0)) return false;
  // A small big of six bytes, not negative.
  if (buffer[valueEnd] !== 110 || buffer[valueEnd + 1] !== 6 || buffer[valueEnd + 2] !== 0) return false;
  into.keyStart = keyStart;
  into.keyEnd = keyEnd;
  into.deleted = deleted;
  into.valueStart = keyEnd + BINARY_HEAD;
  into.valueEnd = valueEnd;
  into.end = end;
  return true;
}

/** Reads an entry of a batch out of its own bytes; undefined where they are not what was written. */
export function readPlacedEntry(bytes: Buffer, crc: number): { key: Buffer; value: Buffer } | undefined {
  if (!readPlacedLayout(bytes, crc, layout)) return undefined;
  const { keyStart, keyEnd, valueStart, valueEnd } = layout;
  return { key: bytes.subarray(keyStart, keyEnd), value: bytes.subarray(valueStart, valueEnd) };
}

/** Finds the parts of an entry of a batch in its own bytes; false where they are not what was written. */
export function readPlacedLayout(bytes: Buffer, crc: number, into: Writable<Layout>): boolean {
  return crc32(bytes) === crc && readLayout(bytes, 0, bytes.length, into);
}

export interface DecodedTerm {
  readonly entries: readonly Entry[];
  /** Where the term ends; what lies after is the trailer, if there is one. */
  readonly end: number;
}

/**
 * Reads the entries of an item: one tuple or a list of them. The buffers are views.
 * @throws {TermError} where the bytes are no such term
 */
export function readTerm(buffer: Buffer, start: number, end: number): DecodedTerm {
  const fast = readPlain(buffer, start, end);
  if (fast !== undefined) return fast;
  const reader = new TermReader(buffer, start, end);
  const term = reader.readVersioned();
  const tuples = Array.isArray(term) ? term : [term];
  return { entries: tuples.map(toEntry), end: reader.position };
}

/** The shapes that nearly every item has, without building terms; undefined for any other. */
function readPlain(buffer: Buffer, start: number, end: number): DecodedTerm | undefined {
  if (end - start < 2 || buffer[start] !== VERSION_MAGIC) return undefined;
  if (buffer[start + 1] !== LIST) {
    if (!readLayout(buffer, start + 1, end, layout)) return undefined;
    return { entries: [plainEntry(buffer, layout)], end: layout.end };
  }
  if (end - start < 1 + LIST_HEAD) return undefined;
  const entries: Entry[] = [];
  let at = start + 1 + LIST_HEAD;
  for (let left = buffer.readUInt32BE(start + 2); left > 0; left--) {
    if (!readLayout(buffer, at, end, layout)) return undefined;
    entries.push(plainEntry(buffer, layout));
    at = layout.end;
  }
  return at < end && buffer[at] === NIL ? { entries, end: at + 1 } : undefined;
}

function plainEntry(buffer: Buffer, { keyStart, keyEnd, deleted, end }: Layout): Entry {
  const timestampAt = end - TIMESTAMP_SIZE;
  return {
    key: buffer.subarray(keyStart, keyEnd),
    value: deleted ? undefined : buffer.subarray(keyEnd + BINARY_HEAD, timestampAt),
    timestamp: buffer.readUIntLE(timestampAt + 3, 6),
  };
}

function toEntry(term: Term): Entry {
  if (!(term instanceof Tuple) || term.elements.length !== 3)
    throw new TermError('not a {key, value, timestamp} tuple');
  const [key, value, timestamp] = term.elements as [Term, Term, Term];
  if (typeof timestamp !== 'number') throw new TermError('the timestamp is not an integer');
  // A key that is not a binary has no bytes of its own; its JSON text is the closest a reader can name it by.
  const keyBytes = Buffer.isBuffer(key) ? key : jsonBytes(key);
  if (value instanceof Atom && value.name === TOMBSTONE)
    return { key: keyBytes, value: undefined, timestamp };
  if (Buffer.isBuffer(value)) return { key: keyBytes, value, timestamp };
  return { key: keyBytes, value: jsonBytes(value), timestamp, term: value };
}

function jsonBytes(term: Term): Buffer {
  return Buffer.from(JSON.stringify(termToJson(term)), 'utf8');
}

import { crc32 } from 'node:zlib';
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

/** One write as it goes into an item; no value means the key is deleted. */
export interface EntryWrite {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
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
    target[at++] = 108;
    at = target.writeUInt32BE(entries.length, at);
  }
  for (const entry of entries) at = writeTuple(entry, timestamp, target, at);
  if (isList) target[at++] = NIL;
  return at;
}

function writeTuple(entry: EntryWrite, timestamp: number, target: Buffer, start: number): number {
  let at = start;
  target[at++] = 104;
  target[at++] = 3;
  at = writeBinary(entry.key, target, at);
  if (entry.value === undefined) at += TOMBSTONE_TERM.copy(target, at);
  else at = writeBinary(entry.value, target, at);
  target[at++] = 110;
  target[at++] = 6;
  target[at++] = 0;
  return target.writeUIntLE(timestamp, at, 6);
}

function writeBinary(bytes: Buffer, target: Buffer, start: number): number {
  target[start] = 109;
  const at = target.writeUInt32BE(bytes.length, start + 1);
  // Short copies are cheaper byte by byte than through the native call.
  if (bytes.length > 32) return at + bytes.copy(target, at);
  for (let i = 0; i < bytes.length; i++) target[at + i] = bytes[i]!;
  return at + bytes.length;
}

/** Where the bytes of each entry of a batch are in its item, and their checksum, so that one can be read alone. */
export interface EntryPlace {
  readonly inner: number;
  readonly innerLength: number;
  readonly crc: number;
}

const WHOLE: readonly EntryPlace[] = [{ inner: 0, innerLength: 0, crc: 0 }];

/**
 * The places of the entries of an item of ours, whose layout is known. A single entry has none: it is read with its
 * item, which its own checksum covers.
 * @param termOffset of the term in the item that starts at `start`
 */
export function entryPlaces(
  entries: readonly EntryWrite[],
  buffer: Buffer,
  start: number,
  termOffset: number,
): readonly EntryPlace[] {
  if (entries.length === 1) return WHOLE;
  let inner = termOffset + 1 + LIST_HEAD;
  return entries.map((entry) => {
    const innerLength = tupleSize(entry);
    const crc = crc32(buffer.subarray(start + inner, start + inner + innerLength));
    const place = { inner, innerLength, crc };
    inner += innerLength;
    return place;
  });
}

/** Reads an entry of a batch out of its own bytes; undefined where they are not what was written. */
export function readPlacedEntry(bytes: Buffer, crc: number): { key: Buffer; value: Buffer } | undefined {
  if (crc32(bytes) !== crc) return undefined;
  const keyStart = TUPLE_HEAD + BINARY_HEAD;
  const valueHead = keyStart + bytes.readUInt32BE(TUPLE_HEAD + 1);
  const value = bytes.subarray(valueHead + BINARY_HEAD, bytes.length - TIMESTAMP_SIZE);
  return { key: bytes.subarray(keyStart, valueHead), value };
}

export interface DecodedTerm {
  readonly entries: readonly Entry[];
  /** Where the term ends; what lies behind is the trailer, if there is one. */
  readonly end: number;
}

/**
 * Reads the entries of an item: one tuple or a list of them. The buffers are views.
 * @throws {TermError} where the bytes are no such term
 */
export function readTerm(buffer: Buffer, start: number, end: number): DecodedTerm {
  const fast = readPlainTuple(buffer, start, end);
  if (fast !== undefined) return fast;
  const reader = new TermReader(buffer, start, end);
  const term = reader.readVersioned();
  const tuples = Array.isArray(term) ? term : [term];
  return { entries: tuples.map(toEntry), end: reader.position };
}

/** The shape that nearly every item has, without building terms. */
function readPlainTuple(buffer: Buffer, start: number, end: number): DecodedTerm | undefined {
  let at = start;
  if (end - at < 1 + TUPLE_HEAD + BINARY_HEAD) return undefined;
  if (
    buffer[at] !== VERSION_MAGIC ||
    buffer[at + 1] !== 104 ||
    buffer[at + 2] !== 3 ||
    buffer[at + 3] !== 109
  )
    return undefined;
  const keyLength = buffer.readUInt32BE(at + 4);
  const keyStart = at + 8;
  at = keyStart + keyLength;
  if (end - at < BINARY_HEAD || buffer[at] !== 109) return undefined;
  const valueLength = buffer.readUInt32BE(at + 1);
  const valueStart = at + BINARY_HEAD;
  at = valueStart + valueLength;
  if (end - at < TIMESTAMP_SIZE || buffer[at] !== 110 || buffer[at + 1] !== 6 || buffer[at + 2] !== 0)
    return undefined;
  const entry: Entry = {
    key: buffer.subarray(keyStart, keyStart + keyLength),
    value: buffer.subarray(valueStart, valueStart + valueLength),
    timestamp: buffer.readUIntLE(at + 3, 6),
  };
  return { entries: [entry], end: at + TIMESTAMP_SIZE };
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

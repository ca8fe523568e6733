import { keyStringAt } from '@genrocks/storage';
import { uint32 } from './big-endian.js';
import { crc32 } from './crc32.js';
import { BINARY, BINARY_HEAD, LIST, LIST_HEAD, TIMESTAMP_SIZE, TOMBSTONE_TERM, TUPLE_HEAD } from './entry.js';

/** Where an entry stands in a log file. */
export interface Slot {
  /** The item's position in its file, and its whole length. */
  readonly at: number;
  readonly length: number;
  /** Index of the entry in its item; a batch has several entries. */
  readonly index: number;
  readonly deleted: boolean;
  /**
   * For an entry of a batch: offset and length of its own bytes in the item, and their checksum, so that it can be
   * read without the others. If `inner` is 0, the entry is read with its item, whose checksum covers it.
   */
  readonly inner: number;
  readonly innerLength: number;
  readonly crc: number;
}

/** Called with an entry of an item. The slot is reused for the next entry, so copy what you keep of it. */
export type OnPlaced = (key: string, slot: Slot) => void;

// One of each is enough, since nothing is awaited between filling and reading it. New objects for every entry would
// be most of the garbage that a write leaves.
const layout = emptyLayout();
const slot: Writable<Slot> = { at: 0, length: 0, index: 0, deleted: false, inner: 0, innerLength: 0, crc: 0 };

export type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/**
 * Calls `onPlaced` with each entry of an item in the layout of `writeTerm`. Returns false for any other layout; some
 * entries may have been visited by then.
 * @param start of the item in the buffer
 * @param termStart of the item's term in the buffer
 * @param at the item's position in its file
 * @param length of the item
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

/** Where the parts of an entry's tuple lie in a buffer. */
export interface Layout {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly deleted: boolean;
  /** Bounds of the value's bytes; meaningless if the key is deleted. */
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly end: number;
}

/** A layout to be filled by {@link readLayout}. */
export function emptyLayout(): Writable<Layout> {
  return { keyStart: 0, keyEnd: 0, deleted: false, valueStart: 0, valueEnd: 0, end: 0 };
}

/** Finds the parts of a tuple in the layout of `writeTerm`; false if there is none before `limit`. */
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

/** Reads an entry of a batch from its own bytes; undefined if they are not what was written. */
export function readPlacedEntry(bytes: Buffer, crc: number): { key: Buffer; value: Buffer } | undefined {
  if (!readPlacedLayout(bytes, crc, layout)) return undefined;
  const { keyStart, keyEnd, valueStart, valueEnd } = layout;
  return { key: bytes.subarray(keyStart, keyEnd), value: bytes.subarray(valueStart, valueEnd) };
}

/** Finds the parts of an entry of a batch in its own bytes; false if they are not what was written. */
export function readPlacedLayout(bytes: Buffer, crc: number, into: Writable<Layout>): boolean {
  return crc32(bytes) === crc && readLayout(bytes, 0, bytes.length, into);
}

import { crc32 } from 'node:zlib';
import { uint16, uint32 } from '../format/big-endian.js';
import type { Slot } from '../format/entry-layout.js';

/**
 * A block of a key index: entries sorted by key.
 *
 *   count:u16  prefixLength:u16  items:u16  restLength:u16  itemBytes:u8  entryBytes:u8  lowest:u32  highest:u32
 *   column * columns  prefix  item * items  offset:u16 * count  (numbers rest) * count  crc32:u32
 *
 * All keys of a block start with its prefix. An entry consists of its numbers, `entryBytes` long, and the rest of its
 * key. If all rests have the same length, `restLength` is that length and there are no offsets; otherwise offsets
 * count from the first entry. `lowest` and `highest` are the first four bytes of the lowest and the highest rest;
 * interpolating a key between them tells which entry to look at first.
 *
 * Numbers of the same meaning form a column, `base:u48 offset:u8 width:u8`: each number is stored as its difference
 * from the base, in `width` bytes at `offset`, or in none if all are equal. In a leaf the numbers say where the
 * newest entry of the key stands ({@link Slot}); `item` is an index into the block's items, since the entries of a
 * batch share one. In a node above the leaves they are the position of a child block, whose first key is the entry's
 * key. The key of a node's first child is not stored (the next key stands in its place): a search that has reached
 * the node knows that its key is not below it. The checksum covers everything before it.
 */
export const BLOCK_BYTES = 4096;
export const HEAD_BYTES = 18;
export const COLUMN_BYTES = 8;
export const CRC_BYTES = 4;
/** Value of `restLength` if the rests differ in length. */
export const NO_LENGTH = 0xffff;

/** The columns of a leaf: of its items, then of its entries. */
export const ITEM = { at: 0, length: 1 } as const;
export const ENTRY = { deleted: 2, item: 3, index: 4, inner: 5, innerLength: 6, crc: 7 } as const;
export const LEAF_COLUMNS = 8;
/** The columns of a node. */
export const CHILD = { offset: 0, length: 1 } as const;
export const NODE_COLUMNS = 2;

/** Where a block stands in its file. */
export interface BlockPlace {
  readonly offset: number;
  readonly length: number;
}

/** Whether the checksum of a block is correct. */
export function isIntact(block: Buffer): boolean {
  const crcAt = block.length - CRC_BYTES;
  return crcAt >= HEAD_BYTES && crc32(block.subarray(0, crcAt)) === block.readUInt32BE(crcAt);
}

export function blockCount(block: Buffer): number {
  return uint16(block, 0);
}

/**
 * Index of the entry with this key; otherwise the complement (`~`) of the index of the first entry with a higher key.
 */
export function search(block: Buffer, key: string): number {
  const count = blockCount(block);
  if (count === 0) return ~0;
  const prefixAt = prefixStart(block);
  const prefix = prefixLength(block);
  const side = compare(block, prefixAt, prefixAt + prefix, key, 0, Math.min(prefix, key.length));
  if (side !== 0) return side > 0 ? ~0 : ~count;
  const numbers = block[9]!;
  const restLength = uint16(block, 6);
  const offsets = offsetsAt(block);
  const entries = restLength === NO_LENGTH ? offsets + 2 * count : offsets;
  const end = block.length - CRC_BYTES;
  let low = isNode(block) ? 1 : 0;
  let high = count;
  let middle = guess(block, keyWord(key, prefix), low, count);
  // With evenly spread keys the guess is the entry or its neighbour; otherwise bisection finds the entry.
  for (let step = 0; low < high; step = 4 * step + 4) {
    let rest: number;
    let next: number;
    if (restLength === NO_LENGTH) {
      rest = entries + uint16(block, offsets + 2 * middle) + numbers;
      next = middle + 1 < count ? entries + uint16(block, offsets + 2 * middle + 2) : end;
    } else {
      rest = entries + middle * (numbers + restLength) + numbers;
      next = rest + restLength;
    }
    const order = compare(block, rest, next, key, prefix, key.length);
    if (order === 0) return middle;
    if (order < 0) {
      low = middle + 1;
      middle = Math.min(low + step, (low + high) >>> 1);
    } else {
      high = middle;
      middle = Math.max(high - 1 - step, (low + high) >>> 1);
    }
  }
  return ~low;
}

/** The index at which a key stands if keys are spread evenly. */
function guess(block: Buffer, word: number, first: number, count: number): number {
  const lowest = uint32(block, 10);
  const highest = uint32(block, 14);
  if (word <= lowest || lowest === highest) return first < count ? first : 0;
  if (word >= highest) return count - 1;
  return first + Math.round(((word - lowest) / (highest - lowest)) * (count - 1 - first));
}

/** Four bytes of a key as a number, padded with zeros. */
export function keyWord(key: string, from: number): number {
  // A missing character is NaN, which counts as 0 in a shift.
  return (
    ((key.charCodeAt(from) << 24) |
      (key.charCodeAt(from + 1) << 16) |
      (key.charCodeAt(from + 2) << 8) |
      key.charCodeAt(from + 3)) >>>
    0
  );
}

/** Index of the first entry whose key is not below `key`; the count if there is none. */
export function lowerBound(block: Buffer, key: string): number {
  const at = search(block, key);
  return at < 0 ? ~at : at;
}

export function keyOf(block: Buffer, index: number): string {
  const from = prefixStart(block);
  const rest = entryAt(block, index) + block[9]!;
  const end = index + 1 < blockCount(block) ? entryAt(block, index + 1) : block.length - CRC_BYTES;
  return block.toString('latin1', from, from + prefixLength(block)) + block.toString('latin1', rest, end);
}

export function slotOf(block: Buffer, index: number): Slot {
  const at = entryAt(block, index);
  const item = itemsAt(block) + smallAt(block, ENTRY.item, at) * block[8]!;
  return {
    at: numberAt(block, ITEM.at, item),
    length: smallAt(block, ITEM.length, item),
    index: smallAt(block, ENTRY.index, at),
    deleted: smallAt(block, ENTRY.deleted, at) === 1,
    inner: smallAt(block, ENTRY.inner, at),
    innerLength: smallAt(block, ENTRY.innerLength, at),
    crc: smallAt(block, ENTRY.crc, at),
  };
}

export function isDeletedAt(block: Buffer, index: number): boolean {
  return smallAt(block, ENTRY.deleted, entryAt(block, index)) === 1;
}

export function childOf(block: Buffer, index: number): BlockPlace {
  const at = entryAt(block, index);
  return { offset: numberAt(block, CHILD.offset, at), length: smallAt(block, CHILD.length, at) };
}

/** Position of a child. Its length is needed only to read it. */
export function childOffset(block: Buffer, index: number): number {
  return numberAt(block, CHILD.offset, entryAt(block, index));
}

/** A number of a column, of the item or entry that begins at `at`. */
function numberAt(block: Buffer, column: number, at: number): number {
  const head = HEAD_BYTES + column * COLUMN_BYTES;
  const from = at + block[head + 6]!;
  const to = from + block[head + 7]!;
  let difference = 0;
  for (let i = from; i < to; i++) difference = difference * 256 + block[i]!;
  return uint16(block, head) * 0x1_0000_0000 + uint32(block, head + 2) + difference;
}

/**
 * Like {@link numberAt}, for numbers below 2^32, which is all but positions. They stay small integers and allocate
 * nothing.
 */
function smallAt(block: Buffer, column: number, at: number): number {
  const head = HEAD_BYTES + column * COLUMN_BYTES;
  const from = at + block[head + 6]!;
  const to = from + block[head + 7]!;
  let difference = 0;
  for (let i = from; i < to; i++) difference = (difference << 8) | block[i]!;
  return (uint32(block, head + 2) + difference) >>> 0;
}

function prefixLength(block: Buffer): number {
  return uint16(block, 2);
}

function prefixStart(block: Buffer): number {
  return HEAD_BYTES + (isNode(block) ? NODE_COLUMNS : LEAF_COLUMNS) * COLUMN_BYTES;
}

function itemsAt(block: Buffer): number {
  return prefixStart(block) + prefixLength(block);
}

function offsetsAt(block: Buffer): number {
  return itemsAt(block) + uint16(block, 4) * block[8]!;
}

function entryAt(block: Buffer, index: number): number {
  const offsets = offsetsAt(block);
  const restLength = uint16(block, 6);
  if (restLength !== NO_LENGTH) return offsets + index * (block[9]! + restLength);
  return offsets + 2 * blockCount(block) + uint16(block, offsets + 2 * index);
}

/** Only leaves have items. */
function isNode(block: Buffer): boolean {
  return block[4] === 0 && block[5] === 0;
}

/** Compares bytes of a block with characters of a key, each of which is a byte. */
function compare(
  block: Buffer,
  from: number,
  to: number,
  key: string,
  keyFrom: number,
  keyTo: number,
): number {
  const shared = Math.min(to - from, keyTo - keyFrom);
  for (let i = 0; i < shared; i++) {
    const difference = block[from + i]! - key.charCodeAt(keyFrom + i);
    if (difference !== 0) return difference;
  }
  return to - from - (keyTo - keyFrom);
}

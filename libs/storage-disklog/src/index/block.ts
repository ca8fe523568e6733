import { crc32 } from 'node:zlib';
import type { Slot } from '../format/entry.js';

/**
 * A block of a key index: entries sorted by key.
 *
 *   count:u16  prefixLength:u16  items:u16  prefix  (at:u48 length:u32) * items  offset:u16 * count  entries  crc32:u32
 *
 * All keys of a block start with its prefix, and an entry is a payload followed by the rest of its key; offsets count
 * from the first entry. In a leaf the payload says where the newest entry of the key stands:
 *
 *   flags:u8  item:u16  [index:u32]  [inner:u32 innerLength:u32 crc:u32]
 *
 * with `item` an index into the block's items, since the entries of a batch share one. In a node above the leaves it is
 * the place of a child block whose first key is the entry's: `offset:u48 length:u32`. The key of a node's first child
 * is left out, since whoever came to the node knows that it is not below it. The checksum covers all before it.
 */
export const BLOCK_BYTES = 4096;
const HEAD_BYTES = 6;
const ITEM_BYTES = 10;
const CHILD_BYTES = 10;
const CRC_BYTES = 4;

const DELETED = 1;
/** The entry is read with its item, as one of several. */
const HAS_INDEX = 2;
/** The entry can be read alone. */
const IS_PLACED = 4;

/** Where a block stands in its file. */
export interface BlockPlace {
  readonly offset: number;
  readonly length: number;
}

/**
 * Gathers entries, ascending, into the bytes of one block. A leaf holds one key at least, a node two children, however
 * long their keys: with one child each, no level would be smaller than the one below.
 */
export class BlockBuilder {
  firstKey = '';
  private readonly keys: string[] = [];
  private readonly payloads: (Slot | BlockPlace)[] = [];
  private items = 0;
  private lastItem = -1;
  private keyBytes = 0;
  private payloadBytes = 0;

  /** @param least entries that a block has */
  constructor(private readonly least: 1 | 2) {}

  get isEmpty(): boolean {
    return this.keys.length === 0;
  }

  /** Would this key make the block larger than it should be? */
  isFullFor(key: string): boolean {
    if (this.keys.length < this.least) return false;
    const count = this.keys.length + 1;
    const prefix = sharedLength(this.keys[0]!, key);
    const rests = this.keyBytes + key.length - count * prefix;
    const most = this.payloadBytes + MAX_SLOT_BYTES + (this.items + 1) * ITEM_BYTES;
    return HEAD_BYTES + prefix + 2 * count + rests + most + CRC_BYTES > BLOCK_BYTES;
  }

  addSlot(key: string, slot: Slot): void {
    // Neighbours of a batch mostly share an item; one that comes back later is simply listed again.
    if (slot.at !== this.lastItem) this.items++;
    this.lastItem = slot.at;
    if (this.isEmpty) this.firstKey = key;
    this.add(key, slot, slotBytes(slot));
  }

  addChild(key: string, place: BlockPlace): void {
    if (this.isEmpty) this.firstKey = key;
    this.add(this.isEmpty ? '' : key, place, CHILD_BYTES);
  }

  finish(): Buffer {
    const { keys, payloads } = this;
    const prefix = keys.length === 0 ? '' : keys[0]!.slice(0, sharedLength(keys[0]!, keys.at(-1)!));
    const rests = this.keyBytes - keys.length * prefix.length;
    const itemsAt = HEAD_BYTES + prefix.length;
    const offsetsAt = itemsAt + this.items * ITEM_BYTES;
    const entriesAt = offsetsAt + 2 * keys.length;
    const block = Buffer.allocUnsafe(entriesAt + rests + this.payloadBytes + CRC_BYTES);
    block.writeUInt16BE(keys.length, 0);
    block.writeUInt16BE(prefix.length, 2);
    block.writeUInt16BE(this.items, 4);
    block.write(prefix, HEAD_BYTES, 'latin1');
    let item = -1;
    let itemStart = -1;
    let at = entriesAt;
    for (let i = 0; i < keys.length; i++) {
      const payload = payloads[i]!;
      block.writeUInt16BE(at - entriesAt, offsetsAt + 2 * i);
      if ('at' in payload) {
        if (payload.at !== itemStart)
          writePlace(block, itemsAt + ++item * ITEM_BYTES, payload.at, payload.length);
        itemStart = payload.at;
        at = writeSlot(block, at, payload, item);
      } else at = writePlace(block, at, payload.offset, payload.length);
      at += block.write(keys[i]!.slice(prefix.length), at, 'latin1');
    }
    block.writeUInt32BE(crc32(block.subarray(0, at)), at);
    this.clear();
    return block;
  }

  private add(key: string, payload: Slot | BlockPlace, bytes: number): void {
    this.keys.push(key);
    this.payloads.push(payload);
    this.keyBytes += key.length;
    this.payloadBytes += bytes;
  }

  private clear(): void {
    this.keys.length = this.payloads.length = 0;
    this.items = this.keyBytes = this.payloadBytes = 0;
    this.lastItem = -1;
  }
}

const MAX_SLOT_BYTES = 3 + 4 + 12;

function slotBytes({ index, inner }: Slot): number {
  return 3 + (index === 0 ? 0 : 4) + (inner === 0 ? 0 : 12);
}

function writePlace(block: Buffer, at: number, offset: number, length: number): number {
  block.writeUIntBE(offset, at, 6);
  return block.writeUInt32BE(length, at + 6);
}

function writeSlot(block: Buffer, at: number, slot: Slot, item: number): number {
  const hasIndex = slot.index !== 0;
  const isPlaced = slot.inner !== 0;
  block[at] = (slot.deleted ? DELETED : 0) | (hasIndex ? HAS_INDEX : 0) | (isPlaced ? IS_PLACED : 0);
  let end = block.writeUInt16BE(item, at + 1);
  if (hasIndex) end = block.writeUInt32BE(slot.index, end);
  if (!isPlaced) return end;
  end = block.writeUInt32BE(slot.inner, end);
  end = block.writeUInt32BE(slot.innerLength, end);
  return block.writeUInt32BE(slot.crc, end);
}

/** Is the checksum of a block that was read right? */
export function isIntact(block: Buffer): boolean {
  const crcAt = block.length - CRC_BYTES;
  return crcAt >= HEAD_BYTES && crc32(block.subarray(0, crcAt)) === block.readUInt32BE(crcAt);
}

export function blockCount(block: Buffer): number {
  return uint16(block, 0);
}

/**
 * Index of the entry that has this key; where there is none, the complement (`~`) of the index of the first entry whose
 * key is above it.
 */
export function search(block: Buffer, key: string): number {
  const count = blockCount(block);
  const prefix = prefixLength(block);
  const side = compare(block, HEAD_BYTES, HEAD_BYTES + prefix, key, 0, Math.min(prefix, key.length));
  if (side !== 0) return side > 0 ? ~0 : ~count;
  const offsets = offsetsAt(block);
  const entries = offsets + 2 * count;
  const end = block.length - CRC_BYTES;
  const isLeaf = !isNode(block);
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = entries + uint16(block, offsets + 2 * middle);
    const next = middle + 1 < count ? entries + uint16(block, offsets + 2 * middle + 2) : end;
    const rest = at + (isLeaf ? slotBytesOf(block[at]!) : CHILD_BYTES);
    const order = compare(block, rest, next, key, prefix, key.length);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return ~low;
}

/** Index of the first entry whose key is not below `key`; the count where there is none. */
export function lowerBound(block: Buffer, key: string): number {
  const at = search(block, key);
  return at < 0 ? ~at : at;
}

export function keyOf(block: Buffer, index: number): string {
  const prefix = block.toString('latin1', HEAD_BYTES, HEAD_BYTES + prefixLength(block));
  return prefix + block.toString('latin1', restAt(block, index), entryEnd(block, index));
}

export function slotOf(block: Buffer, index: number): Slot {
  const at = entryAt(block, index);
  const flags = block[at]!;
  const item = HEAD_BYTES + prefixLength(block) + uint16(block, at + 1) * ITEM_BYTES;
  const hasIndex = (flags & HAS_INDEX) !== 0;
  const isPlaced = (flags & IS_PLACED) !== 0;
  const placed = at + (hasIndex ? 7 : 3);
  return {
    at: uint48(block, item),
    length: uint32(block, item + 6),
    index: hasIndex ? uint32(block, at + 3) : 0,
    deleted: (flags & DELETED) !== 0,
    inner: isPlaced ? uint32(block, placed) : 0,
    innerLength: isPlaced ? uint32(block, placed + 4) : 0,
    crc: isPlaced ? uint32(block, placed + 8) : 0,
  };
}

export function isDeletedAt(block: Buffer, index: number): boolean {
  return (block[entryAt(block, index)]! & DELETED) !== 0;
}

export function childOf(block: Buffer, index: number): BlockPlace {
  const at = entryAt(block, index);
  return { offset: uint48(block, at), length: uint32(block, at + 6) };
}

function prefixLength(block: Buffer): number {
  return uint16(block, 2);
}

function offsetsAt(block: Buffer): number {
  return HEAD_BYTES + prefixLength(block) + uint16(block, 4) * ITEM_BYTES;
}

function entryAt(block: Buffer, index: number): number {
  const offsets = offsetsAt(block);
  return offsets + 2 * blockCount(block) + uint16(block, offsets + 2 * index);
}

function entryEnd(block: Buffer, index: number): number {
  return index + 1 < blockCount(block) ? entryAt(block, index + 1) : block.length - CRC_BYTES;
}

/** Where the rest of the entry's key starts. */
function restAt(block: Buffer, index: number): number {
  const at = entryAt(block, index);
  return at + (isNode(block) ? CHILD_BYTES : slotBytesOf(block[at]!));
}

/** Bytes of an entry of a leaf before its key. */
function slotBytesOf(flags: number): number {
  return 3 + (flags & HAS_INDEX ? 4 : 0) + (flags & IS_PLACED ? 12 : 0);
}

/** Only leaves have items. */
function isNode(block: Buffer): boolean {
  return block[4] === 0 && block[5] === 0;
}

// Blocks were checked when they were read; these leave out the checks of the buffer's own methods.
function uint16(block: Buffer, at: number): number {
  return (block[at]! << 8) | block[at + 1]!;
}

function uint32(block: Buffer, at: number): number {
  return ((block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!) >>> 0;
}

function uint48(block: Buffer, at: number): number {
  return uint16(block, at) * 0x1_0000_0000 + uint32(block, at + 2);
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

function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

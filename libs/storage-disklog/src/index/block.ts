import { crc32 } from 'node:zlib';
import type { Slot } from '../engine/memory-keys.js';

/**
 * A block of a key index: entries sorted by key.
 *
 *   count:u16  offset:u16 * count  entries  crc32:u32
 *
 * An entry is `keyLength:u16 key payload`; offsets count from the block's start. In a leaf the payload is a slot, in
 * a node above it is the place of a child block whose first key is the entry's. The checksum covers all before it.
 */
export const BLOCK_BYTES = 4096;
/** A block holds one key at least, however long; offsets are u16, so more keys stop well below. */
const SLOT_BYTES = 6 + 4 + 4 + 1 + 4 + 4 + 4;
const CHILD_BYTES = 6 + 4;
const CRC_BYTES = 4;

/** Where a block stands in its file. */
export interface BlockPlace {
  readonly offset: number;
  readonly length: number;
}

/** Gathers entries, ascending, into the bytes of one block. */
export class BlockBuilder {
  private readonly parts: Buffer[] = [];
  private bytes = 0;
  firstKey: string | undefined;

  get isEmpty(): boolean {
    return this.parts.length === 0;
  }

  /** Would this key make the block larger than it should be? A block's first key always fits. */
  isFullFor(key: string): boolean {
    return !this.isEmpty && this.bytes + 2 + 2 + key.length + SLOT_BYTES > BLOCK_BYTES;
  }

  addSlot(key: string, slot: Slot): void {
    const entry = this.begin(key, SLOT_BYTES);
    const at = 2 + key.length;
    entry.writeUIntBE(slot.at, at, 6);
    entry.writeUInt32BE(slot.length, at + 6);
    entry.writeUInt32BE(slot.index, at + 10);
    entry[at + 14] = slot.deleted ? 1 : 0;
    entry.writeUInt32BE(slot.inner, at + 15);
    entry.writeUInt32BE(slot.innerLength, at + 19);
    entry.writeUInt32BE(slot.crc, at + 23);
  }

  addChild(key: string, place: BlockPlace): void {
    const entry = this.begin(key, CHILD_BYTES);
    const at = 2 + key.length;
    entry.writeUIntBE(place.offset, at, 6);
    entry.writeUInt32BE(place.length, at + 6);
  }

  finish(): Buffer {
    const head = Buffer.allocUnsafe(2 + 2 * this.parts.length);
    head.writeUInt16BE(this.parts.length, 0);
    let offset = head.length;
    this.parts.forEach((part, i) => {
      head.writeUInt16BE(offset, 2 + 2 * i);
      offset += part.length;
    });
    const block = Buffer.concat([head, ...this.parts, Buffer.alloc(CRC_BYTES)]);
    block.writeUInt32BE(crc32(block.subarray(0, block.length - CRC_BYTES)), block.length - CRC_BYTES);
    this.parts.length = 0;
    this.bytes = 0;
    this.firstKey = undefined;
    return block;
  }

  private begin(key: string, payload: number): Buffer {
    this.firstKey ??= key;
    const entry = Buffer.allocUnsafe(2 + key.length + payload);
    entry.writeUInt16BE(key.length, 0);
    entry.write(key, 2, 'latin1');
    this.parts.push(entry);
    this.bytes += entry.length + 2;
    return entry;
  }
}

/** Is the checksum of a block that was read right? */
export function isIntact(block: Buffer): boolean {
  const crcAt = block.length - CRC_BYTES;
  return crcAt >= 2 && crc32(block.subarray(0, crcAt)) === block.readUInt32BE(crcAt);
}

export function blockCount(block: Buffer): number {
  return block.readUInt16BE(0);
}

/** Index of the first entry whose key is not below `key`; the count where there is none. */
export function lowerBound(block: Buffer, key: Buffer): number {
  let low = 0;
  let high = blockCount(block);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareEntry(block, middle, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Negative, zero or positive as the entry's key is below, equal to or above `key`. */
export function compareEntry(block: Buffer, index: number, key: Buffer): number {
  const at = entryAt(block, index);
  const length = block.readUInt16BE(at);
  const shared = Math.min(length, key.length);
  for (let i = 0; i < shared; i++) {
    const difference = block[at + 2 + i]! - key[i]!;
    if (difference !== 0) return difference;
  }
  return length - key.length;
}

export function keyOf(block: Buffer, index: number): string {
  const at = entryAt(block, index);
  return block.toString('latin1', at + 2, at + 2 + block.readUInt16BE(at));
}

export function slotOf(block: Buffer, index: number): Slot {
  const at = payloadAt(block, index);
  return {
    at: block.readUIntBE(at, 6),
    length: block.readUInt32BE(at + 6),
    index: block.readUInt32BE(at + 10),
    deleted: block[at + 14] === 1,
    inner: block.readUInt32BE(at + 15),
    innerLength: block.readUInt32BE(at + 19),
    crc: block.readUInt32BE(at + 23),
  };
}

export function childOf(block: Buffer, index: number): BlockPlace {
  const at = payloadAt(block, index);
  return { offset: block.readUIntBE(at, 6), length: block.readUInt32BE(at + 6) };
}

function entryAt(block: Buffer, index: number): number {
  return block.readUInt16BE(2 + 2 * index);
}

function payloadAt(block: Buffer, index: number): number {
  const at = entryAt(block, index);
  return at + 2 + block.readUInt16BE(at);
}

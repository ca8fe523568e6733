import { crc32 } from 'node:zlib';
import { putNumber, putUint16, putUint32 } from '../format/big-endian.js';
import type { Slot } from '../format/entry-layout.js';
import {
  BLOCK_BYTES,
  type BlockPlace,
  CHILD,
  COLUMN_BYTES,
  CRC_BYTES,
  ENTRY,
  HEAD_BYTES,
  ITEM,
  keyWord,
  LEAF_COLUMNS,
  NO_LENGTH,
  NODE_COLUMNS,
} from './block.js';
import { NumberRows } from './number-rows.js';

/** Columns of a leaf that belong to its items. The others, and all columns of a node, belong to entries. */
const ITEM_COLUMNS = 2;

/** Keys up to this length are cheaper to copy character by character than through the native call. */
const SHORT = 24;

/** Collects entries, in ascending order, into the bytes of one block, as {@link search} and the others read it. */
abstract class BlockBuilder {
  firstKey = '';
  /** Keys of the current block, `count` of them; later elements are left over from earlier blocks. */
  private readonly keys: string[] = [];
  private count = 0;
  protected itemCount = 0;
  /** The numbers of all entries, one row after the other, and those of all items. */
  private readonly entries: NumberRows;
  private readonly items: NumberRows;
  /** Lowest and highest number of each column, and the width in bytes of their difference. */
  private readonly lowest: Float64Array;
  private readonly highest: Float64Array;
  private readonly widths: Uint8Array;
  private keyBytes = 0;
  /** Length of all keys; undefined if they differ. */
  private keyLength: number | undefined;
  /** Number of characters that all keys start with. */
  private prefix = 0;

  protected constructor(
    private readonly columns: number,
    private readonly itemColumns: number,
    /** Entries that a block takes however long their keys are. */
    private readonly least: number,
  ) {
    this.entries = new NumberRows(columns - itemColumns);
    this.items = new NumberRows(itemColumns);
    this.lowest = new Float64Array(columns).fill(Infinity);
    this.highest = new Float64Array(columns).fill(-Infinity);
    this.widths = new Uint8Array(columns);
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  protected get hasOne(): boolean {
    return this.count === 1;
  }

  finish(): Buffer {
    const { keys, count, prefix, itemColumns, columns, itemCount } = this;
    const first = count === 0 ? '' : keys[0]!;
    const restLength = this.keyLength === undefined ? NO_LENGTH : this.keyLength - prefix;
    const itemBytes = this.bytesOf(0, itemColumns);
    const entryBytes = this.bytesOf(itemColumns, columns);
    const rests = this.keyBytes - count * prefix + (restLength === NO_LENGTH ? 2 * count : 0);
    const block = Buffer.allocUnsafe(this.size(prefix, itemCount * itemBytes, count * entryBytes, rests));
    putUint16(block, 0, count);
    putUint16(block, 2, prefix);
    putUint16(block, 4, itemCount);
    putUint16(block, 6, restLength);
    block[8] = itemBytes;
    block[9] = entryBytes;
    putUint32(block, 10, keyWord(first, prefix));
    putUint32(block, 14, keyWord(keys[count - 1] ?? '', prefix));
    let at = this.writeColumns(block);
    at = writeKey(block, at, first, 0, prefix);
    for (let item = 0; item < itemCount; item++) at = this.writeRow(block, at, this.items, item, 0);
    const offsets = at;
    if (restLength === NO_LENGTH) at += 2 * count;
    const start = at;
    for (let i = 0; i < count; i++) {
      if (restLength === NO_LENGTH) putUint16(block, offsets + 2 * i, at - start);
      at = this.writeRow(block, at, this.entries, i, itemColumns);
      at = writeKey(block, at, keys[i]!, prefix, keys[i]!.length);
    }
    putUint32(block, at, crc32(block.subarray(0, at)));
    this.clear();
    return block;
  }

  /**
   * Adds an entry. Returns false, without adding it, if the block would become too large.
   * @param row the numbers of all columns: its item's, which may be there already, and its own
   */
  protected addEntry(key: string, row: Float64Array, isNewItem: boolean): boolean {
    const { keys, itemColumns } = this;
    const index = this.count;
    const count = index + 1;
    const prefix = index === 0 ? key.length : sharedLength(keys[0]!, key, this.prefix);
    const keyBytes = this.keyBytes + key.length;
    const keyLength = index === 0 || this.keyLength === key.length ? key.length : undefined;
    const itemCount = this.itemCount + (isNewItem ? 1 : 0);
    if (count > this.least) {
      const itemBytes = itemCount * this.bytesWith(row, 0, itemColumns);
      const entryBytes = count * this.bytesWith(row, itemColumns, this.columns);
      const rests = keyBytes - count * prefix + (keyLength === undefined ? 2 * count : 0);
      if (this.size(prefix, itemBytes, entryBytes, rests) > BLOCK_BYTES) return false;
    }
    this.widen(row);
    if (isNewItem) this.items.set(this.itemCount, row, 0);
    this.entries.set(index, row, itemColumns);
    keys[index] = key;
    this.count = count;
    this.itemCount = itemCount;
    this.keyBytes = keyBytes;
    this.keyLength = keyLength;
    this.prefix = prefix;
    return true;
  }

  /** Gives the first key, which is not stored, the form of the second one. */
  protected replaceFirst(key: string): void {
    this.keyBytes += key.length - this.keys[0]!.length;
    this.keys[0] = key;
    this.keyLength = this.prefix = key.length;
  }

  /** @param rests bytes of the rests of keys, and of the offsets if there are any */
  private size(prefix: number, itemBytes: number, entryBytes: number, rests: number): number {
    return HEAD_BYTES + this.columns * COLUMN_BYTES + prefix + itemBytes + entryBytes + rests + CRC_BYTES;
  }

  /** Bytes per row of these columns. */
  private bytesOf(from: number, to: number): number {
    let bytes = 0;
    for (let column = from; column < to; column++) bytes += this.widths[column]!;
    return bytes;
  }

  /** The same with one more row. */
  private bytesWith(row: Float64Array, from: number, to: number): number {
    const { lowest, highest, widths } = this;
    let bytes = 0;
    for (let column = from; column < to; column++) {
      const number = row[column]!;
      const low = lowest[column]!;
      const high = highest[column]!;
      if (number < low) bytes += widthOf(Math.max(high, number) - number);
      else bytes += number > high ? widthOf(number - low) : widths[column]!;
    }
    return bytes;
  }

  private widen(row: Float64Array): void {
    const { lowest, highest, widths } = this;
    for (let column = 0; column < row.length; column++) {
      const number = row[column]!;
      if (number >= lowest[column]! && number <= highest[column]!) continue;
      if (number < lowest[column]!) lowest[column] = number;
      if (number > highest[column]!) highest[column] = number;
      widths[column] = widthOf(highest[column]! - lowest[column]!);
    }
  }

  private writeColumns(block: Buffer): number {
    let at = HEAD_BYTES;
    let offset = 0;
    for (let column = 0; column < this.columns; column++) {
      if (column === this.itemColumns) offset = 0;
      at = putNumber(block, at, this.isEmpty ? 0 : this.lowest[column]!, 6);
      block[at++] = offset;
      block[at++] = this.widths[column]!;
      offset += this.widths[column]!;
    }
    return at;
  }

  /** @param first column of the rows */
  private writeRow(block: Buffer, start: number, rows: NumberRows, index: number, first: number): number {
    const { lowest, widths } = this;
    const { numbers, columns } = rows;
    let at = start;
    for (let i = 0; i < columns; i++) {
      const width = widths[first + i]!;
      if (width > 0) at = putNumber(block, at, numbers[index * columns + i]! - lowest[first + i]!, width);
    }
    return at;
  }

  private clear(): void {
    this.count = this.itemCount = this.keyBytes = this.prefix = 0;
    this.lowest.fill(Infinity);
    this.highest.fill(-Infinity);
    this.widths.fill(0);
  }
}

/** A leaf: keys with the slots of their newest entries. At least one. */
export class LeafBuilder extends BlockBuilder {
  private readonly row = new Float64Array(LEAF_COLUMNS);
  private lastItem = -1;

  constructor() {
    super(LEAF_COLUMNS, ITEM_COLUMNS, 1);
  }

  /** Adds a key. Returns false, without adding it, if the block is full. */
  add(key: string, slot: Slot): boolean {
    const { row } = this;
    // Neighbours of a batch mostly share an item; an item that comes back later is simply listed again.
    const isNewItem = this.isEmpty || slot.at !== this.lastItem;
    row[ITEM.at] = slot.at;
    row[ITEM.length] = slot.length;
    row[ENTRY.deleted] = slot.deleted ? 1 : 0;
    row[ENTRY.item] = this.itemCount - (isNewItem ? 0 : 1);
    row[ENTRY.index] = slot.index;
    row[ENTRY.inner] = slot.inner;
    row[ENTRY.innerLength] = slot.innerLength;
    row[ENTRY.crc] = slot.crc;
    if (!this.addEntry(key, row, isNewItem)) return false;
    if (this.hasOne) this.firstKey = key;
    this.lastItem = slot.at;
    return true;
  }
}

/**
 * A node above the leaves, with at least two children: with only one each, no level would be smaller than the one
 * below.
 */
export class NodeBuilder extends BlockBuilder {
  private readonly row = new Float64Array(NODE_COLUMNS);

  constructor() {
    super(NODE_COLUMNS, 0, 2);
  }

  /** Adds a child. Returns false, without adding it, if the block is full. */
  add(key: string, place: BlockPlace): boolean {
    const { row } = this;
    row[CHILD.offset] = place.offset;
    row[CHILD.length] = place.length;
    if (this.hasOne) this.replaceFirst(key);
    if (!this.addEntry(this.isEmpty ? '' : key, row, false)) return false;
    if (this.hasOne) this.firstKey = key;
    return true;
  }
}

/** Number of characters that two keys share at their start, at most `most`. */
function sharedLength(a: string, b: string, most: number): number {
  const end = Math.min(most, b.length);
  let length = 0;
  while (length < end && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/** Bytes that a number below 2^48 takes; none for 0. */
function widthOf(number: number): number {
  if (number < 0x1_0000_0000) return (39 - Math.clz32(number)) >> 3;
  return 4 + widthOf(Math.floor(number / 0x1_0000_0000));
}

function writeKey(block: Buffer, at: number, key: string, from: number, to: number): number {
  if (to - from > SHORT) return at + block.write(key.slice(from, to), at, 'latin1');
  for (let i = from; i < to; i++) block[at + i - from] = key.charCodeAt(i);
  return at + to - from;
}

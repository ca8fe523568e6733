import { crc32 } from 'node:zlib';
import type { Slot } from '../format/entry.js';
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

/** Columns of a leaf that belong to its items; the others, and all of a node's, are of entries. */
const ITEM_COLUMNS = 2;

/** Gathers entries, ascending, into the bytes of one block, which {@link search} and others read. */
abstract class BlockBuilder {
  firstKey = '';
  protected readonly keys: string[] = [];
  /** The numbers of all entries one after the other, and those of all items. */
  private readonly entries: number[] = [];
  protected readonly items: number[] = [];
  /** Lowest and highest number of each column. */
  private readonly lowest: number[];
  private readonly highest: number[];
  /** Bytes of each column's numbers, once all are there. */
  private readonly widths: number[];
  private keyBytes = 0;
  /** Of all keys; undefined where they differ in it. */
  private keyLength: number | undefined;

  protected constructor(
    private readonly columns: number,
    private readonly itemColumns: number,
    /** Entries that a block has, however long their keys. */
    private readonly least: number,
  ) {
    this.lowest = new Array<number>(columns).fill(Infinity);
    this.highest = new Array<number>(columns).fill(-Infinity);
    this.widths = new Array<number>(columns).fill(0);
  }

  get isEmpty(): boolean {
    return this.keys.length === 0;
  }

  finish(): Buffer {
    const { keys } = this;
    const count = keys.length;
    const prefix = count === 0 ? 0 : sharedLength(keys[0]!, keys[count - 1]!);
    const restLength = this.keyLength === undefined ? NO_LENGTH : this.keyLength - prefix;
    const items = this.itemCount();
    const itemBytes = this.bytesOf(0, this.itemColumns);
    const entryBytes = this.bytesOf(this.itemColumns, this.columns);
    const rests = this.keyBytes - count * prefix + (restLength === NO_LENGTH ? 2 * count : 0);
    const block = Buffer.allocUnsafe(this.size(prefix, items * itemBytes, count * entryBytes, rests));
    block.writeUInt16BE(count, 0);
    block.writeUInt16BE(prefix, 2);
    block.writeUInt16BE(items, 4);
    block.writeUInt16BE(restLength, 6);
    block[8] = itemBytes;
    block[9] = entryBytes;
    block.writeUInt32BE(keyWord(keys[0] ?? '', prefix), 10);
    block.writeUInt32BE(keyWord(keys[count - 1] ?? '', prefix), 14);
    let at = this.writeColumns(block);
    at += block.write((keys[0] ?? '').slice(0, prefix), at, 'latin1');
    for (let item = 0; item < items; item++) {
      at = this.writeNumbers(block, at, this.items, item * this.itemColumns, 0, this.itemColumns);
    }
    const offsets = at;
    if (restLength === NO_LENGTH) at += 2 * count;
    const first = at;
    const numbers = this.columns - this.itemColumns;
    for (let i = 0; i < count; i++) {
      if (restLength === NO_LENGTH) block.writeUInt16BE(at - first, offsets + 2 * i);
      at = this.writeNumbers(block, at, this.entries, i * numbers, this.itemColumns, this.columns);
      at += block.write(keys[i]!.slice(prefix), at, 'latin1');
    }
    block.writeUInt32BE(crc32(block.subarray(0, at)), at);
    this.clear();
    return block;
  }

  /**
   * Adds an entry; false, and nothing added, where the block would become larger than it should be.
   * @param numbers of all columns: its item's, which may be there already, and its own
   */
  protected addEntry(key: string, numbers: readonly number[], isNewItem: boolean): boolean {
    const { keys, lowest, highest, itemColumns } = this;
    const count = keys.length + 1;
    const keyBytes = this.keyBytes + key.length;
    const keyLength = count === 1 || this.keyLength === key.length ? key.length : undefined;
    if (count > this.least) {
      const prefix = sharedLength(keys[0]!, key);
      const items = this.itemCount() + (isNewItem ? 1 : 0);
      const itemBytes = items * this.bytesOf(0, itemColumns, numbers);
      const entryBytes = count * this.bytesOf(itemColumns, this.columns, numbers);
      const rests = keyBytes - count * prefix + (keyLength === undefined ? 2 * count : 0);
      if (this.size(prefix, itemBytes, entryBytes, rests) > BLOCK_BYTES) return false;
    }
    keys.push(key);
    this.keyBytes = keyBytes;
    this.keyLength = keyLength;
    for (let column = 0; column < numbers.length; column++) {
      const number = numbers[column]!;
      if (number < lowest[column]!) lowest[column] = number;
      if (number > highest[column]!) highest[column] = number;
      if (column >= itemColumns) this.entries.push(number);
      else if (isNewItem) this.items.push(number);
    }
    return true;
  }

  /** The first key, which is left out, in the shape of the second one. */
  protected replaceFirst(key: string): void {
    this.keyBytes += key.length - this.keys[0]!.length;
    this.keys[0] = key;
    this.keyLength = key.length;
  }

  protected itemCount(): number {
    return this.itemColumns === 0 ? 0 : this.items.length / this.itemColumns;
  }

  /** @param rests bytes of the rests of keys, and of the offsets where there are some */
  private size(prefix: number, itemBytes: number, entryBytes: number, rests: number): number {
    return HEAD_BYTES + this.columns * COLUMN_BYTES + prefix + itemBytes + entryBytes + rests + CRC_BYTES;
  }

  /** Bytes that the numbers of some columns take, with one more row of them or without. */
  private bytesOf(from: number, to: number, more?: readonly number[]): number {
    let bytes = 0;
    for (let column = from; column < to; column++) bytes += this.widthOf(column, more?.[column]);
    return bytes;
  }

  private widthOf(column: number, more: number | undefined): number {
    let low = this.lowest[column]!;
    let high = this.highest[column]!;
    if (more !== undefined && more < low) low = more;
    if (more !== undefined && more > high) high = more;
    let width = 0;
    for (let rest = high - low; rest >= 1; rest /= 256) width++;
    return width;
  }

  private writeColumns(block: Buffer): number {
    let at = HEAD_BYTES;
    let offset = 0;
    for (let column = 0; column < this.columns; column++) {
      if (column === this.itemColumns) offset = 0;
      const width = (this.widths[column] = this.widthOf(column, undefined));
      at = block.writeUIntBE(this.isEmpty ? 0 : this.lowest[column]!, at, 6);
      block[at++] = offset;
      block[at++] = width;
      offset += width;
    }
    return at;
  }

  private writeNumbers(
    block: Buffer,
    start: number,
    numbers: readonly number[],
    index: number,
    from: number,
    to: number,
  ): number {
    let at = start;
    for (let column = from; column < to; column++) {
      const width = this.widths[column]!;
      if (width > 0)
        at = block.writeUIntBE(numbers[index + column - from]! - this.lowest[column]!, at, width);
    }
    return at;
  }

  protected clear(): void {
    this.keys.length = this.entries.length = this.items.length = 0;
    this.keyBytes = 0;
    this.lowest.fill(Infinity);
    this.highest.fill(-Infinity);
  }
}

/** A leaf: keys with the slots of their newest entries, one at least. */
export class LeafBuilder extends BlockBuilder {
  private readonly row = new Array<number>(LEAF_COLUMNS).fill(0);
  private lastItem = -1;

  constructor() {
    super(LEAF_COLUMNS, ITEM_COLUMNS, 1);
  }

  /** False, and nothing added, where the block is full. */
  add(key: string, slot: Slot): boolean {
    const { row } = this;
    // Neighbours of a batch mostly share an item; one that comes back later is simply listed again.
    const isNewItem = this.isEmpty || slot.at !== this.lastItem;
    row[ITEM.at] = slot.at;
    row[ITEM.length] = slot.length;
    row[ENTRY.deleted] = slot.deleted ? 1 : 0;
    row[ENTRY.item] = this.itemCount() - (isNewItem ? 0 : 1);
    row[ENTRY.index] = slot.index;
    row[ENTRY.inner] = slot.inner;
    row[ENTRY.innerLength] = slot.innerLength;
    row[ENTRY.crc] = slot.crc;
    if (!this.addEntry(key, row, isNewItem)) return false;
    if (this.keys.length === 1) this.firstKey = key;
    this.lastItem = slot.at;
    return true;
  }
}

/** A node above the leaves. It has two children at least: with one each, no level would be smaller than that below. */
export class NodeBuilder extends BlockBuilder {
  private readonly row = new Array<number>(NODE_COLUMNS).fill(0);

  constructor() {
    super(NODE_COLUMNS, 0, 2);
  }

  /** False, and nothing added, where the block is full. */
  add(key: string, place: BlockPlace): boolean {
    const { row } = this;
    row[CHILD.offset] = place.offset;
    row[CHILD.length] = place.length;
    if (this.keys.length === 1) this.replaceFirst(key);
    if (!this.addEntry(this.isEmpty ? '' : key, row, false)) return false;
    if (this.keys.length === 1) this.firstKey = key;
    return true;
  }
}

function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

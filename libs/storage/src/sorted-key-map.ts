import type { KeyRange } from './bytes.js';

/**
 * Keys per block. An insertion moves half a block on average; a search takes log2(blocks) + log2(block) steps. With 512,
 * the move takes less than a microsecond, and a million keys fit into two thousand blocks.
 */
const BLOCK_SIZE = 512;

/** A block with fewer keys is merged into a neighbour with room: arrays that shrink keep their memory. */
const SPARSE = BLOCK_SIZE / 4;

interface Block<V> {
  keys: string[];
  values: V[];
}

/**
 * A map that is always in key order: a list of sorted blocks. Keys appended in ascending order, as a log mostly does,
 * touch only the last block.
 *
 * Keys are strings in the form of `keyToString`.
 */
export class SortedKeyMap<V> {
  private blocks: Block<V>[] = [];
  private count = 0;

  /** Number of keys. */
  get size(): number {
    return this.count;
  }

  /** Returns the value of a key; undefined if there is none. */
  get(key: string): V | undefined {
    const block = this.blocks[this.blockFor(key)];
    if (block === undefined) return undefined;
    const at = lowerBound(block.keys, key);
    return block.keys[at] === key ? block.values[at] : undefined;
  }

  /** Sets a value; returns the one it replaced. */
  set(key: string, value: V): V | undefined {
    const last = this.blocks[this.blocks.length - 1];
    if (last === undefined || key > last.keys[last.keys.length - 1]!) {
      this.append(last, key, value);
      return undefined;
    }
    const index = this.blockFor(key);
    const block = this.blocks[index]!;
    const at = lowerBound(block.keys, key);
    if (block.keys[at] === key) {
      const previous = block.values[at];
      block.values[at] = value;
      return previous;
    }
    block.keys.splice(at, 0, key);
    block.values.splice(at, 0, value);
    this.count++;
    if (block.keys.length > BLOCK_SIZE) this.split(index);
    return undefined;
  }

  /** Removes a key; returns the value it had. */
  delete(key: string): V | undefined {
    const index = this.blockFor(key);
    const block = this.blocks[index];
    if (block === undefined) return undefined;
    const at = lowerBound(block.keys, key);
    if (block.keys[at] !== key) return undefined;
    const [previous] = block.values.splice(at, 1);
    block.keys.splice(at, 1);
    this.count--;
    if (block.keys.length === 0) this.blocks.splice(index, 1);
    else if (block.keys.length < SPARSE) this.mergeAround(index);
    return previous;
  }

  /** Removes all keys. */
  clear(): void {
    this.blocks = [];
    this.count = 0;
  }

  /**
   * Returns up to `max` pairs with `lower <= key < upper`, ascending or descending. To continue, call again with the bound
   * moved past the last key; the map may change between pages.
   */
  page(lower: string, upper: string | undefined, reverse: boolean, max: number): [string, V][] {
    return reverse ? this.pageDown(lower, upper, max) : this.pageUp(lower, upper, max);
  }

  /**
   * Iterates over the pairs of a range, in pages of at most `pageSize`, never empty. The map may change between pages:
   * each key comes at most once, in order, with the value it has when its page is taken.
   */
  *pages(range: KeyRange, pageSize: number): IterableIterator<[string, V][]> {
    const { reverse } = range;
    let { lower, upper, limit } = range;
    while (limit > 0) {
      const page = this.page(lower, upper, reverse, Math.min(pageSize, limit));
      if (page.length === 0) return;
      const last = page[page.length - 1]![0];
      limit -= page.length;
      if (reverse) upper = last;
      else lower = `${last}\0`;
      yield page;
    }
  }

  /** Packs blocks that deletions have left half empty, in one pass over the keys. Changes no entry. */
  compact(): void {
    const packed = new SortedKeyMap<V>();
    for (const [key, value] of this.entries()) packed.set(key, value);
    this.blocks = packed.blocks;
  }

  /** Iterates over all pairs in key order. */
  *entries(): IterableIterator<[string, V]> {
    for (const { keys, values } of this.runs()) {
      for (let i = 0; i < keys.length; i++) yield [keys[i]!, values[i]!];
    }
  }

  /** Iterates over all pairs in key order, in runs of a few hundred without a copy. The map must not change meanwhile. */
  runs(): Iterable<{ readonly keys: readonly string[]; readonly values: readonly V[] }> {
    return this.blocks;
  }

  private pageUp(lower: string, upper: string | undefined, max: number): [string, V][] {
    const page: [string, V][] = [];
    let index = this.blockFor(lower);
    let at = index < this.blocks.length ? lowerBound(this.blocks[index]!.keys, lower) : 0;
    for (; index < this.blocks.length; index++, at = 0) {
      const { keys, values } = this.blocks[index]!;
      for (; at < keys.length; at++) {
        if (page.length >= max || (upper !== undefined && keys[at]! >= upper)) return page;
        page.push([keys[at]!, values[at]!]);
      }
    }
    return page;
  }

  private pageDown(lower: string, upper: string | undefined, max: number): [string, V][] {
    const page: [string, V][] = [];
    let index = upper === undefined ? this.blocks.length - 1 : this.blockFor(upper);
    if (index < 0 || this.blocks.length === 0) return page;
    let at =
      upper === undefined ? this.blocks[index]!.keys.length : lowerBound(this.blocks[index]!.keys, upper);
    for (;;) {
      const { keys, values } = this.blocks[index]!;
      while (--at >= 0) {
        if (page.length >= max || keys[at]! < lower) return page;
        page.push([keys[at]!, values[at]!]);
      }
      if (--index < 0) return page;
      at = this.blocks[index]!.keys.length;
    }
  }

  private append(last: Block<V> | undefined, key: string, value: V): void {
    if (last === undefined || last.keys.length >= BLOCK_SIZE)
      this.blocks.push({ keys: [key], values: [value] });
    else {
      last.keys.push(key);
      last.values.push(value);
    }
    this.count++;
  }

  private split(index: number): void {
    const block = this.blocks[index]!;
    const half = block.keys.length >> 1;
    const upper = { keys: block.keys.splice(half), values: block.values.splice(half) };
    this.blocks.splice(index + 1, 0, upper);
  }

  private mergeAround(index: number): void {
    const fits = (left: number) =>
      left >= 0 &&
      left + 1 < this.blocks.length &&
      this.blocks[left]!.keys.length + this.blocks[left + 1]!.keys.length <= BLOCK_SIZE / 2;
    const left = [index, index - 1].find(fits);
    if (left === undefined) return;
    const [lower, upper] = this.blocks.slice(left, left + 2) as [Block<V>, Block<V>];
    const merged = { keys: lower.keys.concat(upper.keys), values: lower.values.concat(upper.values) };
    this.blocks.splice(left, 2, merged);
  }

  /** The last block whose first key is not above `key`; block 0 if there is none. */
  private blockFor(key: string): number {
    let low = 0;
    let high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.blocks[middle]!.keys[0]! <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The first index whose key is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

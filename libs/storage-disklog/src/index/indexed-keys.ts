import type { KeyProbe } from '../engine/key-probe.js';
import type { FileKeys, KeyBounds, KeyPage } from '../engine/memory-keys.js';
import type { Slot } from '../format/entry-layout.js';
import type { FileSystem } from '../io/file-system.js';
import {
  blockCount,
  type BlockPlace,
  childOf,
  childOffset,
  isDeletedAt,
  keyOf,
  lowerBound,
  search,
  slotOf,
} from './block.js';
import { footerIn, IndexBlocks } from './index-blocks.js';
import type { IndexFooter } from './index-file.js';

/** After this many lookups in a row that found their key, the filter is skipped. */
const TRUST_AT = 16;

/** The keys of a closed file, read from its index as they are needed. */
export class IndexedKeys implements FileKeys {
  private knownBounds: KeyBounds | undefined;
  /** Lookups in a row that found their key. If nearly all do, the filter is a read too many. */
  private found = 0;

  private constructor(
    private readonly blocks: IndexBlocks,
    readonly footer: IndexFooter,
  ) {}

  /**
   * Opens an index if it exists, is sound, and belongs to a log file of this generation and size. Undefined if it has
   * to be rebuilt.
   */
  static open(
    fs: FileSystem,
    path: string,
    expected: { generation: number; logEnd: number },
  ): IndexedKeys | undefined {
    const footer = IndexedKeys.footer(fs, path);
    if (footer?.generation !== expected.generation || footer.logEnd !== expected.logEnd) return undefined;
    return new IndexedKeys(new IndexBlocks(fs, path, footer, true), footer);
  }

  /** An index that is said to end with this footer; the file is checked when it is first read. */
  static trusted(fs: FileSystem, path: string, footer: IndexFooter): IndexedKeys {
    return new IndexedKeys(new IndexBlocks(fs, path, footer, false), footer);
  }

  /**
   * What an index says of its log file; undefined if there is no sound index.
   * @throws {StorageIoError} if a shortage of descriptors keeps the index from being read
   */
  static footer(fs: FileSystem, path: string): IndexFooter | undefined {
    return footerIn(fs, path);
  }

  get size(): number {
    return this.footer.keys;
  }

  get ascending(): boolean {
    return this.footer.ascending;
  }

  get bounds(): KeyBounds | undefined {
    if (this.footer.keys > 0) this.knownBounds ??= this.readBounds();
    return this.knownBounds;
  }

  get(probe: KeyProbe): Slot | undefined {
    const { key } = probe;
    if (this.footer.keys === 0) return undefined;
    const { lowest, highest } = this.bounds!;
    if (key < lowest || key > highest) return undefined;
    const asksBloom = this.found < TRUST_AT;
    if (asksBloom && !this.blocks.mayHold(probe.hash)) {
      this.found = 0;
      return undefined;
    }
    const leaf = this.leafFor(key);
    const at = search(leaf, key);
    if (at < 0) {
      // Only if the filter was skipped: one that let the key pass did not help either.
      if (!asksBloom) this.found = 0;
      return undefined;
    }
    if (asksBloom) this.found++;
    return slotOf(leaf, at);
  }

  page(lower: string, upper: string | undefined, reverse: boolean, max: number): [string, Slot][] {
    if (this.footer.keys === 0) return [];
    return reverse ? this.pageDown(lower, upper, max) : this.pageUp(lower, upper, max);
  }

  async *pages(bytes: number): AsyncGenerator<KeyPage> {
    for await (const run of this.leafRuns(this.footer.root, bytes)) {
      for (const leaf of await this.blocks.readRun(run)) {
        yield {
          count: blockCount(leaf),
          keyAt: (index) => keyOf(leaf, index),
          slotAt: (index) => slotOf(leaf, index),
          isDeletedAt: (index) => isDeletedAt(leaf, index),
        };
      }
    }
  }

  /** Reads and checks every block once; false if the index is damaged. */
  verify(): boolean {
    try {
      for (
        let place: BlockPlace | undefined = this.firstLeaf();
        place !== undefined;
        place = this.leafAfter(place)
      ) {
        this.blocks.read(place);
      }
      for (let page = 0; page < this.footer.bloomPages; page++) this.blocks.bloomPage(page);
      return true;
    } catch {
      return false;
    }
  }

  /** Keeps the index readable although its name goes away. */
  pin(): void {
    this.blocks.pin();
  }

  unpin(): void {
    this.blocks.unpin();
  }

  close(): Promise<void> {
    return this.blocks.close();
  }

  private pageUp(lower: string, upper: string | undefined, max: number): [string, Slot][] {
    const page: [string, Slot][] = [];
    let place: BlockPlace | undefined = this.placeFor(lower);
    let at = lowerBound(this.blocks.read(place), lower);
    while (place !== undefined) {
      const leaf = this.blocks.read(place);
      for (const count = blockCount(leaf); at < count; at++) {
        const key = keyOf(leaf, at);
        if (page.length >= max || (upper !== undefined && key >= upper)) return page;
        page.push([key, slotOf(leaf, at)]);
      }
      place = this.leafAfter(place);
      at = 0;
    }
    return page;
  }

  private pageDown(lower: string, upper: string | undefined, max: number): [string, Slot][] {
    const page: [string, Slot][] = [];
    let bound = upper;
    for (;;) {
      const leaf = bound === undefined ? this.lastLeaf() : this.blocks.read(this.placeBelow(bound));
      let at = bound === undefined ? blockCount(leaf) : lowerBound(leaf, bound);
      if (at === 0) return page;
      while (--at >= 0) {
        const key = keyOf(leaf, at);
        if (page.length >= max || key < lower) return page;
        page.push([key, slotOf(leaf, at)]);
      }
      bound = keyOf(leaf, 0);
    }
  }

  private readBounds(): KeyBounds {
    const last = this.lastLeaf();
    return {
      lowest: keyOf(this.blocks.read(this.firstLeaf()), 0),
      highest: keyOf(last, blockCount(last) - 1),
    };
  }

  /** The leaf that holds a key, if any does. Nearly every get comes through here, so it allocates nothing. */
  private leafFor(key: string): Buffer {
    const { root, leavesEnd } = this.footer;
    let block = this.blocks.read(root);
    for (let offset = root.offset; offset >= leavesEnd;) {
      const index = childFor(block, key);
      offset = childOffset(block, index);
      block = this.blocks.cached(offset) ?? this.blocks.read(childOf(block, index));
    }
    return block;
  }

  private placeFor(key: string): BlockPlace {
    return this.descend((node) => childFor(node, key));
  }

  /** The leaf with the highest key below a bound. */
  private placeBelow(bound: string): BlockPlace {
    return this.descend((node) => Math.max(0, lowerBound(node, bound) - 1));
  }

  private lastLeaf(): Buffer {
    return this.blocks.read(this.descend((node) => blockCount(node) - 1));
  }

  private firstLeaf(): BlockPlace {
    return this.descend(() => 0);
  }

  private descend(choose: (node: Buffer) => number): BlockPlace {
    let place = this.footer.root;
    // Leaves come first in the file, so a block's position shows whether it is one.
    while (place.offset >= this.footer.leavesEnd) {
      const node = this.blocks.read(place);
      place = childOf(node, choose(node));
    }
    return place;
  }

  /** The next leaf in the file. Only the parent records a block's length, so this goes through the tree. */
  private leafAfter(place: BlockPlace): BlockPlace | undefined {
    const next = place.offset + place.length;
    return next >= this.footer.leavesEnd ? undefined : this.placeAt(next);
  }

  private placeAt(offset: number): BlockPlace {
    return this.descend((node) => {
      let low = 0;
      let high = blockCount(node) - 1;
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if (this.firstOffset(childOf(node, middle)) <= offset) low = middle;
        else high = middle - 1;
      }
      return low;
    });
  }

  /** Where the leaves below a block begin. */
  private firstOffset(place: BlockPlace): number {
    let at = place;
    while (at.offset >= this.footer.leavesEnd) at = childOf(this.blocks.read(at), 0);
    return at.offset;
  }

  /** The leaves below a block in key order, in runs of about `bytes` consecutive bytes. */
  private async *leafRuns(place: BlockPlace, bytes: number): AsyncGenerator<readonly BlockPlace[]> {
    if (place.offset < this.footer.leavesEnd) {
      yield [place];
      return;
    }
    const [node] = await this.blocks.readRun([place]);
    let run: BlockPlace[] = [];
    for (let index = 0; index < blockCount(node!); index++) {
      const child = childOf(node!, index);
      if (child.offset >= this.footer.leavesEnd) yield* this.leafRuns(child, bytes);
      else run.push(child);
      if (run.length > 0 && child.offset + child.length - run[0]!.offset >= bytes) {
        yield run;
        run = [];
      }
    }
    if (run.length > 0) yield run;
  }
}

/** The child of a node that holds a key, if any does: the last child whose first key is not above it. */
function childFor(node: Buffer, key: string): number {
  const at = search(node, key);
  return at >= 0 ? at : Math.max(0, ~at - 1);
}

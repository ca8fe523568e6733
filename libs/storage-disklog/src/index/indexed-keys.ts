import type { KeyProbe } from '../engine/key-probe.js';
import type { FileKeys, KeyBounds, KeyPage } from '../engine/memory-keys.js';
import type { Slot } from '../format/entry-layout.js';
import { cannotRead } from '../io/read-failure.js';
import { type FileSystem, isOutOfDescriptors } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import { readInto } from '../engine/window.js';
import {
  blockCount,
  type BlockPlace,
  childOf,
  childOffset,
  isDeletedAt,
  isIntact,
  keyOf,
  lowerBound,
  search,
  slotOf,
} from './block.js';
import { sharedBlockCache } from './block-cache.js';
import { BLOOM_PAGE_BYTES, bloomPageOf, mayHold } from './bloom.js';
import { FOOTER_BYTES, type IndexFooter, readFooter, writeFooter } from './index-file.js';

/** A key index fails its checks. It is a cache: whoever meets this builds it again and goes on. */
export class IndexDamagedError extends Error {
  constructor(
    readonly path: string,
    offset: number,
  ) {
    super(`the key index ${path} is damaged at offset ${offset}`);
  }
}

/** From so many keys found in a row on, the leaves are looked at without asking the filter. */
const TRUST_AT = 16;

/** The keys of a left file, read from its index as they are asked for. */
export class IndexedKeys implements FileKeys {
  private readonly cache = sharedBlockCache.section();
  private knownBounds: KeyBounds | undefined;
  /** Keys asked for that were here, in a row: where nearly all are, the filter is one read too many. */
  private found = 0;

  private constructor(
    private readonly path: string,
    private readonly file: PooledFile,
    readonly footer: IndexFooter,
    /** Until the file itself was seen to be what it is taken for. */
    private untried: FileSystem | undefined,
  ) {}

  /**
   * Opens an index if it is there, sound, and of a log file of this generation and size. Undefined: build it again.
   */
  static open(
    fs: FileSystem,
    path: string,
    expected: { generation: number; logEnd: number },
  ): IndexedKeys | undefined {
    const footer = IndexedKeys.footer(fs, path);
    if (footer?.generation !== expected.generation || footer.logEnd !== expected.logEnd) return undefined;
    return new IndexedKeys(path, new PooledFile(fs, path), footer, undefined);
  }

  /** An index that is said to end with this footer. The file is looked at when it is read first. */
  static trusted(fs: FileSystem, path: string, footer: IndexFooter): IndexedKeys {
    return new IndexedKeys(path, new PooledFile(fs, path), footer, fs);
  }

  /**
   * What an index says of its log file; undefined where there is none, or none that is sound.
   * @throws {StorageIoError} where a shortage of descriptors keeps it from being looked at
   */
  static footer(fs: FileSystem, path: string): IndexFooter | undefined {
    try {
      const file = fs.openSync(path);
      try {
        const size = file.sizeSync();
        if (size < FOOTER_BYTES) return undefined;
        const bytes = Buffer.alloc(FOOTER_BYTES);
        file.readSync(bytes, 0, FOOTER_BYTES, size - FOOTER_BYTES);
        return readFooter(bytes);
      } finally {
        file.closeSync();
      }
    } catch (error) {
      if (isOutOfDescriptors(error)) throw cannotRead(path, error);
      // Whatever else is wrong with a cache, the answer is to build it again.
      return undefined;
    }
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
    if (asksBloom && !this.mayHold(probe.hash)) {
      this.found = 0;
      return undefined;
    }
    const leaf = this.leafFor(key);
    const at = search(leaf, key);
    if (at < 0) {
      // A filter that let it pass could not have helped.
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
      for (const leaf of await this.readRun(run)) {
        yield {
          count: blockCount(leaf),
          keyAt: (index) => keyOf(leaf, index),
          slotAt: (index) => slotOf(leaf, index),
          isDeletedAt: (index) => isDeletedAt(leaf, index),
        };
      }
    }
  }

  /** Reads every block once and checks it; false where the index does not hold together. */
  verify(): boolean {
    try {
      for (
        let place: BlockPlace | undefined = this.firstLeaf();
        place !== undefined;
        place = this.leafAfter(place)
      ) {
        this.block(place);
      }
      for (let page = 0; page < this.footer.bloomPages; page++) this.bloomPage(page);
      return true;
    } catch {
      return false;
    }
  }

  /** Keeps the index readable although its name goes away. */
  pin(): void {
    // One that is not what it was taken for is of no use under any name: the next read finds that out.
    if (this.isOurs()) this.file.pin();
  }

  async close(): Promise<void> {
    this.cache.clear();
    await this.file.close();
  }

  private pageUp(lower: string, upper: string | undefined, max: number): [string, Slot][] {
    const page: [string, Slot][] = [];
    let place: BlockPlace | undefined = this.placeFor(lower);
    let at = lowerBound(this.block(place), lower);
    while (place !== undefined) {
      const leaf = this.block(place);
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
      const leaf = bound === undefined ? this.lastLeaf() : this.block(this.placeBelow(bound));
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
    return { lowest: keyOf(this.block(this.firstLeaf()), 0), highest: keyOf(last, blockCount(last) - 1) };
  }

  /** The leaf that holds a key if any does. Nearly every get comes through here, so it makes no objects. */
  private leafFor(key: string): Buffer {
    const { root, leavesEnd } = this.footer;
    let block = this.block(root);
    for (let offset = root.offset; offset >= leavesEnd;) {
      const index = childFor(block, key);
      offset = childOffset(block, index);
      block = this.cache.get(offset) ?? this.block(childOf(block, index));
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
    return this.block(this.descend((node) => blockCount(node) - 1));
  }

  private firstLeaf(): BlockPlace {
    return this.descend(() => 0);
  }

  private descend(choose: (node: Buffer) => number): BlockPlace {
    let place = this.footer.root;
    // Leaves come first in the file, so the level of a block shows in its place.
    while (place.offset >= this.footer.leavesEnd) {
      const node = this.block(place);
      place = childOf(node, choose(node));
    }
    return place;
  }

  /** Leaves follow each other in the file; a block's length stands only in its parent, so the parent is asked. */
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
    while (at.offset >= this.footer.leavesEnd) at = childOf(this.block(at), 0);
    return at.offset;
  }

  /** The leaves below a block in key order, in runs of about so many bytes that lie one after the other. */
  private async *leafRuns(place: BlockPlace, bytes: number): AsyncGenerator<readonly BlockPlace[]> {
    if (place.offset < this.footer.leavesEnd) {
      yield [place];
      return;
    }
    const [node] = await this.readRun([place]);
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

  /** Its blocks have checksums, but so have those of an index that the file has had in an earlier use. */
  private isOurs(): boolean {
    if (this.untried === undefined) return true;
    const found = IndexedKeys.footer(this.untried, this.path);
    if (found === undefined || !writeFooter(found).equals(writeFooter(this.footer))) return false;
    this.untried = undefined;
    return true;
  }

  /** Reads blocks that lie one after the other, past the cache. */
  private async readRun(run: readonly BlockPlace[]): Promise<readonly Buffer[]> {
    if (!this.isOurs()) throw new IndexDamagedError(this.path, 0);
    const start = run[0]!.offset;
    const last = run.at(-1)!;
    const bytes = Buffer.allocUnsafe(last.offset + last.length - start);
    const count = await readInto(this.file, start, bytes, 0);
    return run.map(({ offset, length }) => {
      const block = bytes.subarray(offset - start, offset - start + length);
      if (offset - start + length > count || !isIntact(block)) throw new IndexDamagedError(this.path, offset);
      return block;
    });
  }

  private mayHold(hash: number): boolean {
    return mayHold(this.bloomPage(bloomPageOf(hash, this.footer.bloomPages)), hash);
  }

  private bloomPage(page: number): Buffer {
    return this.block({ offset: this.footer.bloomAt + page * BLOOM_PAGE_BYTES, length: BLOOM_PAGE_BYTES });
  }

  private block({ offset, length }: BlockPlace): Buffer {
    const cached = this.cache.get(offset);
    if (cached !== undefined) return cached;
    if (!this.isOurs()) throw new IndexDamagedError(this.path, 0);
    // A block must not keep a whole pool slab alive in the cache.
    const block = Buffer.allocUnsafeSlow(length);
    const count = this.file.readSync(block, 0, length, offset);
    if (count !== length || !isIntact(block)) throw new IndexDamagedError(this.path, offset);
    this.cache.set(offset, block);
    return block;
  }
}

/** The child of a node that holds a key if any does: the last one whose first key is not above it. */
function childFor(node: Buffer, key: string): number {
  const at = search(node, key);
  return at >= 0 ? at : Math.max(0, ~at - 1);
}

/** A cached block, in a list ordered by when blocks were added or last given another round. */
interface Node {
  readonly owner: CacheSection;
  readonly offset: number;
  readonly block: Buffer;
  /** Since it was last considered for eviction. */
  wasUsed: boolean;
  newer: Node | undefined;
  older: Node | undefined;
  /** The next block in the same chain of the hash table. */
  next: Node | undefined;
}

/** Bookkeeping per block, in addition to its bytes. */
const NODE_BYTES = 120;

/**
 * Recently read blocks of key indexes, of all stores together, within one budget. The budget keeps memory from
 * growing with the data.
 */
export class BlockCache {
  private newest: Node | undefined;
  private oldest: Node | undefined;
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  /** The blocks of one file. */
  section(): CacheSection {
    return new CacheSection(this);
  }

  /** Adds a block that its section has just added. */
  added(node: Node): void {
    this.link(node);
    this.bytes += node.block.length + NODE_BYTES;
    while (this.bytes > this.maxBytes && this.oldest !== this.newest) this.makeRoom(this.oldest!, node);
  }

  /**
   * Evicts the oldest block, unless it was used since it was last considered or was only just added: then it gets
   * another round.
   */
  private makeRoom(oldest: Node, added: Node): void {
    if (!oldest.wasUsed && oldest !== added) {
      oldest.owner.drop(oldest);
      return this.removed(oldest);
    }
    oldest.wasUsed = false;
    this.unlink(oldest);
    this.link(oldest);
  }

  removed(node: Node): void {
    this.unlink(node);
    this.bytes -= node.block.length + NODE_BYTES;
  }

  private link(node: Node): void {
    node.older = this.newest;
    node.newer = undefined;
    if (this.newest !== undefined) this.newest.newer = node;
    this.newest = node;
    this.oldest ??= node;
  }

  private unlink(node: Node): void {
    if (node.newer !== undefined) node.newer.older = node.older;
    else if (this.newest === node) this.newest = node.older;
    if (node.older !== undefined) node.older.newer = node.newer;
    else if (this.oldest === node) this.oldest = node.newer;
  }
}

/** Initial and smallest number of chains of a section, as a power of two. */
const LEAST_BITS = 3;
/** Log2 of a distance: filter pages are this far apart and blocks mostly further, so few of them share a chain. */
const GRAIN_BITS = 9;

/**
 * The cached blocks of one file by position, in a hash table of chains. A get looks here three times; with a `Map`
 * that would take as long as searching the blocks.
 */
export class CacheSection {
  private bits = LEAST_BITS;
  private chains: (Node | undefined)[] = [];
  private count = 0;

  constructor(private readonly cache: BlockCache) {}

  get(offset: number): Buffer | undefined {
    let node = this.chains[this.chainOf(offset)];
    while (node !== undefined && node.offset !== offset) node = node.next;
    if (node === undefined) return undefined;
    node.wasUsed = true;
    return node.block;
  }

  set(offset: number, block: Buffer): void {
    if (this.chains.length === 0) this.rehash(LEAST_BITS);
    else if (this.count >= this.chains.length) this.rehash(this.bits + 1);
    this.count++;
    const links = { newer: undefined, older: undefined, next: undefined };
    const node: Node = { owner: this, offset, block, wasUsed: false, ...links };
    this.chain(node);
    this.cache.added(node);
  }

  /** Removes a block that the cache evicts. */
  drop(node: Node): void {
    const chain = this.chainOf(node.offset);
    let before = this.chains[chain]!;
    if (before === node) this.chains[chain] = node.next;
    else {
      while (before.next !== node) before = before.next!;
      before.next = node.next;
    }
    // Files that are no longer read keep no table.
    if (--this.count === 0) this.chains = [];
    else if (this.bits > LEAST_BITS && this.count < this.chains.length >> 2) this.rehash(this.bits - 1);
  }

  clear(): void {
    for (let node of this.chains) for (; node !== undefined; node = node.next) this.cache.removed(node);
    this.chains = [];
    this.count = 0;
  }

  private chain(node: Node): void {
    const chain = this.chainOf(node.offset);
    node.next = this.chains[chain];
    this.chains[chain] = node;
  }

  private chainOf(offset: number): number {
    return Math.imul(offset >>> GRAIN_BITS, 0x9e3779b1) >>> (32 - this.bits);
  }

  private rehash(bits: number): void {
    const { chains } = this;
    this.bits = bits;
    this.chains = new Array<Node | undefined>(1 << bits).fill(undefined);
    for (let node of chains) {
      for (let next: Node | undefined; node !== undefined; node = next) {
        next = node.next;
        this.chain(node);
      }
    }
  }
}

/** One budget for the process. It holds the whole index of more than two gigabytes of 1 KiB values. */
export const sharedBlockCache = new BlockCache(32 << 20);

/** A cached block, linked in the order in which they came or were last passed over. */
interface Node {
  readonly owner: CacheSection;
  readonly offset: number;
  readonly block: Buffer;
  /** Since it was last looked at for room. */
  wasUsed: boolean;
  newer: Node | undefined;
  older: Node | undefined;
  /** The next one whose place hashes to the same chain. */
  next: Node | undefined;
}

/** Bookkeeping of one block besides its bytes. */
const NODE_BYTES = 120;

/**
 * Blocks of key indexes that were read lately, of all stores together, within one budget: this is what keeps memory
 * from growing with the data.
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

  /** Takes in a block that its section has just come to hold. */
  added(node: Node): void {
    this.link(node);
    this.bytes += node.block.length + NODE_BYTES;
    while (this.bytes > this.maxBytes && this.oldest !== this.newest) this.makeRoom(this.oldest!, node);
  }

  /** A block that was used since it was last here gets another round; so does the one that room is made for. */
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

/** Chains of a section, as a power of two: at first, and at least. */
const LEAST_BITS = 3;
/** Blocks stand close to this far apart, or are pages of a filter of this size. */
const GRAIN_BITS = 9;

/**
 * The blocks of one file by their places, in a hash table of chains: a get looks here three times, which in a `Map` takes
 * it as long as searching the blocks.
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

  /** Takes out a block that the cache lets go of. */
  drop(node: Node): void {
    const chain = this.chainOf(node.offset);
    let before = this.chains[chain]!;
    if (before === node) this.chains[chain] = node.next;
    else {
      while (before.next !== node) before = before.next!;
      before.next = node.next;
    }
    // Files that are no longer read keep no table for the blocks they had.
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

/** One budget for the process: the whole index of two gigabytes of 1 KiB values and more. */
export const sharedBlockCache = new BlockCache(32 << 20);

/** A cached block, linked in the order in which they came or were last passed over. */
interface Node {
  readonly owner: Map<number, Node>;
  readonly offset: number;
  readonly block: Buffer;
  /** Since it was last looked at for room. */
  wasUsed: boolean;
  newer: Node | undefined;
  older: Node | undefined;
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

  add(owner: Map<number, Node>, offset: number, block: Buffer): void {
    const node: Node = { owner, offset, block, wasUsed: false, newer: undefined, older: undefined };
    owner.set(offset, node);
    this.link(node);
    this.bytes += block.length + NODE_BYTES;
    while (this.bytes > this.maxBytes && this.oldest !== node) this.makeRoom(this.oldest!);
  }

  /** A block that was used since it was last here gets another round. */
  private makeRoom(oldest: Node): void {
    if (!oldest.wasUsed) return this.remove(oldest);
    oldest.wasUsed = false;
    this.unlink(oldest);
    this.link(oldest);
  }

  remove(node: Node): void {
    this.unlink(node);
    node.owner.delete(node.offset);
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

export class CacheSection {
  private readonly nodes = new Map<number, Node>();

  constructor(private readonly cache: BlockCache) {}

  get(offset: number): Buffer | undefined {
    const node = this.nodes.get(offset);
    if (node === undefined) return undefined;
    node.wasUsed = true;
    return node.block;
  }

  set(offset: number, block: Buffer): void {
    this.cache.add(this.nodes, offset, block);
  }

  clear(): void {
    for (const node of [...this.nodes.values()]) this.cache.remove(node);
  }
}

/** One budget for the process: the whole index of two gigabytes of 1 KiB values and more. */
export const sharedBlockCache = new BlockCache(32 << 20);

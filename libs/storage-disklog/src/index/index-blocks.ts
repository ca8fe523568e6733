import { readInto } from '../engine/window.js';
import { type FileSystem, isOutOfDescriptors } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import { cannotRead } from '../io/read-failure.js';
import { type BlockPlace, isIntact } from './block.js';
import { sharedBlockCache } from './block-cache.js';
import { BLOOM_PAGE_BYTES, bloomPageOf, mayHold } from './bloom.js';
import { FOOTER_BYTES, type IndexFooter, readFooter, writeFooter } from './index-file.js';

/** A key index fails its checks. An index is a cache: the caller rebuilds it and goes on. */
export class IndexDamagedError extends Error {
  constructor(
    readonly path: string,
    offset: number,
  ) {
    super(`the key index ${path} is damaged at offset ${offset}`);
  }
}

/**
 * What an index says of its log file; undefined if there is no sound index.
 * @throws {StorageIoError} if a shortage of descriptors keeps the index from being read
 */
export function footerIn(fs: FileSystem, path: string): IndexFooter | undefined {
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
    // Any other problem of a cache is solved by rebuilding it.
    return undefined;
  }
}

/** The blocks of a key index. Each is checked when it is read, and kept in the cache that all indexes share. */
export class IndexBlocks {
  private readonly cache = sharedBlockCache.section();
  private readonly file: PooledFile;

  /** @param isSeen the file is known to end with this footer; otherwise that is checked before the first read */
  constructor(
    private readonly fs: FileSystem,
    private readonly path: string,
    private readonly footer: IndexFooter,
    private isSeen: boolean,
  ) {
    this.file = new PooledFile(fs, path);
  }

  cached(offset: number): Buffer | undefined {
    return this.cache.get(offset);
  }

  pin(): void {
    // An index that is not the expected one is not worth pinning: the next read reports it as damaged.
    if (this.isOurs()) this.file.pin();
  }

  unpin(): void {
    this.file.unpin();
  }

  async close(): Promise<void> {
    this.cache.clear();
    await this.file.close();
  }

  /** Block checksums alone do not tell: an index from an earlier use of the file has valid ones too. */
  private isOurs(): boolean {
    if (this.isSeen) return true;
    const found = footerIn(this.fs, this.path);
    if (found === undefined || !writeFooter(found).equals(writeFooter(this.footer))) return false;
    this.isSeen = true;
    return true;
  }

  /** Reads consecutive blocks without using the cache. */
  async readRun(run: readonly BlockPlace[]): Promise<readonly Buffer[]> {
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

  mayHold(hash: number): boolean {
    return mayHold(this.bloomPage(bloomPageOf(hash, this.footer.bloomPages)), hash);
  }

  bloomPage(page: number): Buffer {
    return this.read({ offset: this.footer.bloomAt + page * BLOOM_PAGE_BYTES, length: BLOOM_PAGE_BYTES });
  }

  /** Reads a block, from the cache if it is there. */
  read({ offset, length }: BlockPlace): Buffer {
    const cached = this.cache.get(offset);
    if (cached !== undefined) return cached;
    if (!this.isOurs()) throw new IndexDamagedError(this.path, 0);
    // A pooled buffer would keep its whole slab alive in the cache.
    const block = Buffer.allocUnsafeSlow(length);
    const count = this.file.readSync(block, 0, length, offset);
    if (count !== length || !isIntact(block)) throw new IndexDamagedError(this.path, offset);
    this.cache.set(offset, block);
    return block;
  }
}

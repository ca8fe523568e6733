import type { FileHandle, FileSystem } from './file-system.js';
import { cannotRead } from './read-failure.js';

/**
 * Keeps files that are only read open while they are in use and for some time after. A thousand partitions with ten
 * closed files each must not hold twenty thousand descriptors.
 */
export class HandlePool {
  /** Files with open handles, ordered by when they were opened or last passed over. */
  private readonly open = new Set<PooledFile>();

  constructor(private readonly limit: number) {}

  /**
   * Adds a file that was opened, and closes one that was not read since it was last considered, if there are too
   * many.
   */
  add(file: PooledFile): void {
    this.open.add(file);
    // In the second round every file has had its chance; files being read stay open.
    for (let looks = 2 * this.open.size; looks > 0 && this.open.size > this.limit; looks--) {
      const [candidate] = this.open;
      this.open.delete(candidate!);
      if (candidate === file || candidate!.wasUsed || !candidate!.suspend()) this.open.add(candidate!);
      candidate!.wasUsed = false;
    }
  }

  forget(file: PooledFile): void {
    this.open.delete(file);
  }
}

/** A process has one budget of descriptors, so there is one pool. */
const sharedPool = new HandlePool(512);

/**
 * A file that is opened by name when it is read, and may be closed in between. System errors are thrown as
 * `IO_ERROR`.
 */
export class PooledFile implements Pick<FileHandle, 'read' | 'readSync' | 'close'> {
  /** Since the pool last looked. */
  wasUsed = false;
  private handle: FileHandle | undefined;
  private reading = 0;
  private pinned = false;
  private closed = false;

  constructor(
    private readonly fs: FileSystem,
    private readonly path: string,
    private readonly pool = sharedPool,
  ) {}

  async read(target: Buffer, offset: number, length: number, position: number): Promise<number> {
    this.reading++;
    try {
      return await this.opened().read(target, offset, length, position);
    } catch (error) {
      throw cannotRead(this.path, error);
    } finally {
      this.reading--;
    }
  }

  readSync(target: Buffer, offset: number, length: number, position: number): number {
    try {
      return this.opened().readSync(target, offset, length, position);
    } catch (error) {
      throw cannotRead(this.path, error);
    }
  }

  /** Keeps the file open from now on, because its name is about to go to another file or away. */
  pin(): void {
    try {
      this.opened();
    } catch (error) {
      throw cannotRead(this.path, error);
    }
    this.pinned = true;
    this.pool.forget(this);
  }

  /** Undoes {@link pin}: the file keeps its name. */
  unpin(): void {
    if (!this.pinned) return;
    this.pinned = false;
    if (this.handle !== undefined) this.pool.add(this);
  }

  /** Closes the descriptor unless it is being read; the next read opens the file again. */
  suspend(): boolean {
    if (this.reading > 0 || this.handle === undefined) return this.handle === undefined;
    void this.handle.close().catch(() => undefined);
    this.handle = undefined;
    return true;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.pool.forget(this);
    const { handle } = this;
    this.handle = undefined;
    await handle?.close();
  }

  private opened(): FileHandle {
    if (this.closed) throw new Error(`${this.path} is closed`);
    this.wasUsed = true;
    if (this.handle === undefined) {
      this.handle = this.fs.openSync(this.path);
      if (!this.pinned) this.pool.add(this);
    }
    return this.handle;
  }
}

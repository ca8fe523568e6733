import type { FileHandle, FileSystem } from './file-system.js';

/**
 * Files that are only read, kept open while they are in use and some time longer: a thousand partitions with ten left
 * files each must not hold twenty thousand descriptors.
 */
export class HandlePool {
  /** Open handles, least recently used first. */
  private readonly open = new Set<PooledFile>();

  constructor(private readonly limit: number) {}

  use(file: PooledFile): void {
    this.open.delete(file);
    this.open.add(file);
    if (this.open.size <= this.limit) return;
    for (const candidate of this.open) {
      if (this.open.size <= this.limit) return;
      if (candidate !== file && candidate.suspend()) this.open.delete(candidate);
    }
  }

  forget(file: PooledFile): void {
    this.open.delete(file);
  }
}

/** A process has one budget of descriptors, so there is one pool. */
const sharedPool = new HandlePool(512);

/** A file that is opened by its name when it is read, and may be closed in between. */
export class PooledFile implements Pick<FileHandle, 'read' | 'readSync' | 'close'> {
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
    } finally {
      this.reading--;
    }
  }

  readSync(target: Buffer, offset: number, length: number, position: number): number {
    return this.opened().readSync(target, offset, length, position);
  }

  /** Keeps the file open from now on: its name is about to go to another file, or away. */
  pin(): void {
    this.opened();
    this.pinned = true;
    this.pool.forget(this);
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
    this.handle ??= this.fs.openSync(this.path);
    if (!this.pinned) this.pool.use(this);
    return this.handle;
  }
}

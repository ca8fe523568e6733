import { chmod, type FileHandle, lstat, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeBase, PRIVATE_MODE } from '../io/directories.js';
import { nodeFileSystem } from '../io/file-system.js';
import { type DirectoryLock, lockDirectory } from '../io/lock.js';
import { TargetNotEmptyError } from './errors.js';

/** Bytes copied at a time. */
export const COPY_BYTES = 1 << 20;

/** A new file, written front to back in large writes, and durable once it is finished. */
export class DurableWriter {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private written = 0;

  private constructor(private readonly handle: FileHandle) {}

  /** Creates the file, which must not exist yet. */
  static async create(path: string): Promise<DurableWriter> {
    return new DurableWriter(await open(path, 'wx', 0o644));
  }

  /** Where the next bytes will stand. */
  get position(): number {
    return this.written + this.pendingBytes;
  }

  /**
   * Adds bytes. They are kept, not copied, until enough has gathered to be written, so they must not change before
   * {@link finish}.
   */
  async write(bytes: Buffer): Promise<void> {
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    if (this.pendingBytes >= COPY_BYTES) await this.flush();
  }

  async finish(): Promise<void> {
    try {
      await this.flush();
      await this.handle.sync();
    } finally {
      await this.handle.close();
    }
  }

  async abandon(): Promise<void> {
    await this.handle.close().catch(() => undefined);
  }

  private async flush(): Promise<void> {
    const bytes = Buffer.concat(this.pending, this.pendingBytes);
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.handle.write(bytes, at, bytes.length - at, this.written + at);
      if (bytesWritten === 0)
        throw Object.assign(new Error('no space left on the device'), { code: 'ENOSPC' });
      at += bytesWritten;
    }
    this.written += bytes.length;
    this.pending = [];
    this.pendingBytes = 0;
  }
}

/** Writes a small new file and makes its bytes durable. */
export async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  const writer = await DurableWriter.create(path);
  await writer.write(bytes);
  await writer.finish();
}

/**
 * A directory that is filled under a temporary name and renamed in one step, so that it exists whole or not at all.
 * What an earlier attempt left under the temporary name is removed, unless that attempt is still running: two
 * processes filling one directory would publish what neither has finished.
 */
export class StagedDirectory {
  private constructor(
    readonly path: string,
    private readonly target: string,
    private readonly mayReplace: boolean,
    private readonly lock: DirectoryLock,
    /** The topmost directory that was made for it. */
    private readonly base: string,
  ) {}

  /**
   * @param mayReplace whether `publish` may move an existing target away
   * @throws {TargetNotEmptyError} `TARGET_NOT_EMPTY`
   * @throws {LockedError} `LOCKED` while another process fills it
   */
  static async create(
    target: string,
    suffix: string,
    options: { mayReplace: boolean; remedy: string },
  ): Promise<StagedDirectory> {
    const { mayReplace, remedy } = options;
    if (!mayReplace && !(await isMissingOrEmpty(target))) throw new TargetNotEmptyError(target, remedy);
    const path = `${target}.${suffix}`;
    const base = (await makeBase(nodeFileSystem, dirname(path))) ?? path;
    const lock = lockDirectory(lockOf(path), path);
    try {
      await rm(path, { recursive: true, force: true });
      await mkdir(path, PRIVATE_MODE);
      return new StagedDirectory(path, target, mayReplace, lock, base);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /**
   * Gives the directory its name. Returns where the directory it replaced is now, if there was one: under its name
   * and a suffix.
   */
  async publish(suffix = 'replaced'): Promise<string | undefined> {
    await syncTree(this.path);
    // Whoever may read the previous directory may read this one.
    const before = await stat(this.target).catch(() => undefined);
    if (before?.isDirectory() === true) await chmod(this.path, before.mode & 0o777);
    let replaced: string | undefined;
    if (!(await isMissingOrEmpty(this.target))) {
      if (!this.mayReplace)
        throw new TargetNotEmptyError(this.target, 'it was created meanwhile, name a new directory');
      replaced = `${this.target}.${suffix}`;
      for (let n = 2; await exists(replaced); n++) replaced = `${this.target}.${suffix}.${n}`;
      await nodeFileSystem.rename(this.target, replaced);
    } else await rm(this.target, { recursive: true, force: true });
    await nodeFileSystem.rename(this.path, this.target);
    await nodeFileSystem.syncNames(this.target, this.base);
    await this.unlock();
    return replaced;
  }

  /** Removes what was made so far. */
  async abandon(): Promise<void> {
    try {
      await rm(this.path, { recursive: true, force: true });
    } finally {
      await this.unlock();
    }
  }

  /** Removes the lock file while holding the lock, so it cannot be that of the next process. */
  private async unlock(): Promise<void> {
    try {
      await rm(lockOf(this.path), { force: true });
    } finally {
      this.lock.release();
    }
  }
}

/** Beside the directory, which is removed and made anew under the lock. */
function lockOf(path: string): string {
  return `${path}.lock`;
}

export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function isMissingOrEmpty(path: string): Promise<boolean> {
  if (!(await exists(path))) return true;
  if (!(await lstat(path)).isDirectory()) return false;
  return (await readdir(path)).length === 0;
}

/** Makes the names in a directory, and in all directories below it, durable. */
async function syncTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(join(directory, entry.name));
  }
  await nodeFileSystem.syncDirectory(directory);
}

import * as fs from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { FileHandle as EngineHandle, FileSystem } from '../io/file-system.js';
import { isErrno } from '../io/file-system.js';

const call = {
  open: promisify(fs.open),
  read: promisify(fs.read),
  fstat: promisify(fs.fstat),
  close: promisify(fs.close),
};

/** A file open for reading. It stays the same file, whatever happens to its name. */
export class ReadHandle {
  private constructor(
    readonly path: string,
    private readonly fd: number,
  ) {}

  static async open(path: string): Promise<ReadHandle> {
    return new ReadHandle(path, await call.open(path, 'r'));
  }

  static openSync(path: string): ReadHandle {
    return new ReadHandle(path, fs.openSync(path, 'r'));
  }

  async read(target: Buffer, offset: number, length: number, position: number): Promise<number> {
    return (await call.read(this.fd, target, offset, length, position)).bytesRead;
  }

  readSync(target: Buffer, offset: number, length: number, position: number): number {
    return fs.readSync(this.fd, target, offset, length, position);
  }

  async size(): Promise<number> {
    return (await call.fstat(this.fd)).size;
  }

  sizeSync(): number {
    return fs.fstatSync(this.fd).size;
  }

  /** Whether the file still has its name. */
  async isNamed(): Promise<boolean> {
    const own = await call.fstat(this.fd);
    const named = await stat(this.path).catch(() => undefined);
    return named !== undefined && named.ino === own.ino && named.dev === own.dev;
  }

  close(): Promise<void> {
    return call.close(this.fd);
  }
}

/**
 * The real file system for parts of the engine that examine a log. Every file they open is kept open, so that what
 * they found out about it holds for later reads. Nothing is ever changed.
 */
export class CapturingFileSystem {
  readonly opened = new Map<string, ReadHandle>();

  openSync(path: string): EngineHandle {
    const handle = ReadHandle.openSync(path);
    this.opened.set(path, handle);
    return {
      read: (target, offset, length, position) => handle.read(target, offset, length, position),
      readSync: (target, offset, length, position) => handle.readSync(target, offset, length, position),
      sizeSync: () => handle.sizeSync(),
      closeSync: () => undefined,
    } as Partial<EngineHandle> as EngineHandle;
  }

  readFile(path: string): Promise<Buffer> {
    return readFile(path);
  }

  async readdir(path: string): Promise<{ name: string; directory: boolean }[]> {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, directory: entry.isDirectory() }));
  }

  async size(path: string): Promise<number | undefined> {
    return sizeOf(path);
  }

  /** A file whose creation was never finished is left out, but not removed. */
  unlink(): Promise<void> {
    return Promise.resolve();
  }

  asFileSystem(): FileSystem {
    return this as Partial<FileSystem> as FileSystem;
  }

  async close(): Promise<void> {
    for (const handle of this.opened.values()) await handle.close();
    this.opened.clear();
  }
}

/** Size in bytes; undefined if there is no such file. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The largest of the small files is `log.idx` for 65,000 files. */
export const MAX_SMALL = 1 << 20;

/** The bytes of a small file, at most `limit`; undefined if there is no such file. */
export async function readSmall(path: string, limit: number): Promise<Buffer | undefined> {
  let handle: ReadHandle;
  try {
    handle = await ReadHandle.open(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(Math.min(await handle.size(), limit));
    return bytes.subarray(0, await handle.read(bytes, 0, bytes.length, 0));
  } finally {
    await handle.close();
  }
}

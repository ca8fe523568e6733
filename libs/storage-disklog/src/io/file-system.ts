import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';
import { isError } from '@genrocks/storage';
import { type NameCalls, removeFile, replaceFile } from './windows-names.js';

/**
 * The file calls that the log makes, and no others. Tests inject faults and record crash states here. Every method
 * rejects with the system's error (`code` as in errno).
 */
export interface FileSystem {
  /**
   * Opens a file. `create` makes an empty file, replacing an existing one; with `durable`, every write waits for the
   * device.
   */
  open(path: string, options: { write: boolean; create?: boolean; durable?: boolean }): Promise<FileHandle>;
  /** Opens a file for reading, synchronously. */
  openSync(path: string): FileHandle;
  readFile(path: string): Promise<Buffer>;
  readdir(path: string): Promise<{ name: string; directory: boolean }[]>;
  /** Metadata that tells whether a file has changed. Synchronous. */
  stampSync(path: string): FileStamp;
  /** Size in bytes; undefined if there is no such file. */
  size(path: string): Promise<number | undefined>;
  /**
   * Makes the name of a directory durable, and the names of all directories between it and `base`, inclusive. Done
   * when a log is created even if they existed, because whoever made them may have died before syncing.
   */
  syncNames(path: string, base: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, if it exists. */
  unlink(path: string): Promise<void>;
  /** Removes an empty directory; false if it is not empty or does not exist. */
  removeDirectory(path: string): Promise<boolean>;
  /** Removes a directory and everything in it. */
  removeTree(path: string): Promise<void>;
  /** Copies a file. The copy's bytes are durable, its name is not yet. */
  copyFile(from: string, to: string): Promise<void>;
  /** Makes names created, renamed and removed in a directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Keeps a directory open, so that syncing it later needs no descriptor. */
  openDirectory(path: string): Promise<DirectoryHandle>;
  /**
   * Set if, as on Windows, a directory with an open file in it cannot be moved, and a crash can leave files aside,
   * which `finishNames` puts back.
   */
  readonly holdsNames?: boolean;
}

export interface DirectoryHandle {
  /** Makes names created, renamed and removed in the directory durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Metadata of a file. Changing the file through the file system, or replacing it, changes at least one field. */
export interface FileStamp {
  readonly size: number;
  readonly inode: number;
  /** When the file or its metadata last changed, in ms since 1970, as precisely as the system reports it. */
  readonly changed: number;
  readonly modified: number;
}

export interface FileHandle {
  /** Reads up to `length` bytes at a position; a short count means the end of the file. */
  read(target: Buffer, offset: number, length: number, position: number): Promise<number>;
  readSync(target: Buffer, offset: number, length: number, position: number): number;
  /** Writes at a position; returns how many bytes were taken, possibly fewer than given. */
  write(source: Buffer, offset: number, length: number, position: number): Promise<number>;
  /** Like {@link write}, for several buffers, one after the other. */
  writev(sources: readonly Buffer[], position: number): Promise<number>;
  /** Like {@link write}, synchronously, for files whose writes are not durable by themselves. */
  writeSync(source: Buffer, offset: number, length: number, position: number): number;
  /** Makes data and size durable. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
  /** The file's size in bytes. Synchronous. */
  sizeSync(): number;
  closeSync(): void;
}

const call = {
  open: promisify(fs.open),
  close: promisify(fs.close),
  fsync: promisify(fs.fsync),
  fdatasync: promisify(fs.fdatasync),
  ftruncate: promisify(fs.ftruncate),
  unlink: promisify(fs.unlink),
};

/**
 * O_DSYNC folds write and fdatasync into one trip to the thread pool. Linux only: on macOS it does not reach the
 * device (fdatasync does, through F_FULLFSYNC), and Windows has no such flag.
 */
const DSYNC = process.platform === 'linux' ? fs.constants.O_DSYNC : 0;

class NodeFileHandle implements FileHandle {
  constructor(
    private readonly fd: number,
    private readonly syncEachWrite: boolean,
  ) {}

  read(target: Buffer, offset: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.fd, target, offset, length, position, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    });
  }

  readSync(target: Buffer, offset: number, length: number, position: number): number {
    return fs.readSync(this.fd, target, offset, length, position);
  }

  write(source: Buffer, offset: number, length: number, position: number): Promise<number> {
    const taken = new Promise<number>((resolve, reject) => {
      fs.write(this.fd, source, offset, length, position, (error, count) =>
        error ? reject(error) : resolve(count),
      );
    });
    return this.asDurable(taken);
  }

  writev(sources: readonly Buffer[], position: number): Promise<number> {
    const taken = new Promise<number>((resolve, reject) => {
      fs.writev(this.fd, sources, position, (error, count) => (error ? reject(error) : resolve(count)));
    });
    return this.asDurable(taken);
  }

  writeSync(source: Buffer, offset: number, length: number, position: number): number {
    return fs.writeSync(this.fd, source, offset, length, position);
  }

  sync(): Promise<void> {
    return call.fdatasync(this.fd);
  }

  truncate(size: number): Promise<void> {
    return call.ftruncate(this.fd, size);
  }

  close(): Promise<void> {
    return call.close(this.fd);
  }

  sizeSync(): number {
    return fs.fstatSync(this.fd).size;
  }

  closeSync(): void {
    fs.closeSync(this.fd);
  }

  private asDurable(taken: Promise<number>): Promise<number> {
    return this.syncEachWrite ? taken.then((count) => this.sync().then(() => count)) : taken;
  }
}

/** Keeps reads from updating the access time, which takes a tenth of a short read. Linux only. */
const NOATIME = (fs.constants as { O_NOATIME?: number }).O_NOATIME ?? 0;

function openForReading(path: string): number {
  const { O_RDONLY } = fs.constants;
  try {
    return fs.openSync(path, O_RDONLY | NOATIME);
  } catch (error) {
    // Only a file's owner may set the flag.
    if (NOATIME === 0 || !isErrno(error, 'EPERM')) throw error;
    return fs.openSync(path, O_RDONLY);
  }
}

const posixFileSystem: FileSystem = {
  async open(path, { write, create = false, durable = false }) {
    const { O_RDONLY, O_RDWR, O_CREAT, O_TRUNC } = fs.constants;
    const flags = (write ? O_RDWR : O_RDONLY) | (create ? O_CREAT | O_TRUNC : 0) | (durable ? DSYNC : 0);
    return new NodeFileHandle(await call.open(path, flags, 0o644), durable && DSYNC === 0);
  },
  openSync: (path) => new NodeFileHandle(openForReading(path), false),
  readFile: (path) => fs.promises.readFile(path),
  async readdir(path) {
    const entries = await fs.promises.readdir(path, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, directory: entry.isDirectory() }));
  },
  stampSync(path) {
    const { size, ino, ctimeMs, mtimeMs } = fs.statSync(path);
    return { size, inode: ino, changed: ctimeMs, modified: mtimeMs };
  },
  async size(path) {
    try {
      return (await fs.promises.stat(path)).size;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  },
  syncNames,
  rename: (from, to) => fs.promises.rename(from, to),
  async unlink(path) {
    try {
      await call.unlink(path);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
  },
  async removeDirectory(path) {
    try {
      await fs.promises.rmdir(path);
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) return false;
      throw error;
    }
  },
  removeTree: (path) => fs.promises.rm(path, { recursive: true, force: true }),
  async copyFile(from, to) {
    await fs.promises.copyFile(from, to);
    const fd = await call.open(to, fs.constants.O_RDWR);
    try {
      await call.fdatasync(fd);
    } finally {
      await call.close(fd);
    }
  },
  syncDirectory,
  openDirectory,
};

/** The real file system. */
export const nodeFileSystem: FileSystem =
  process.platform === 'win32'
    ? withWindowsNames(posixFileSystem, { rename: fs.promises.rename, unlink: call.unlink, pause })
    : posixFileSystem;

/** The same file system, with the rules for names that Windows has. */
export function withWindowsNames(base: FileSystem, calls: NameCalls): FileSystem {
  return {
    ...base,
    rename: (from, to) => replaceFile(calls, from, to),
    unlink: (path) => removeFile(calls, path),
    holdsNames: true,
  };
}

/** Whether this is a system error with one of these codes. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return isError(error) && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

async function syncNames(path: string, base: string): Promise<void> {
  for (let directory = path; directory.length >= base.length; directory = dirname(directory)) {
    await syncDirectory(dirname(directory));
    if (dirname(directory) === directory) return;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await openDirectory(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function openDirectory(path: string): Promise<DirectoryHandle> {
  // Windows cannot open a directory for this; NTFS journals its names by itself.
  if (process.platform === 'win32') return { sync: async () => {}, close: async () => {} };
  const fd = await call.open(path, fs.constants.O_RDONLY);
  return { sync: () => call.fsync(fd), close: () => call.close(fd) };
}

/** Whether the process or the system is out of descriptors. Some may be free a moment later. */
export function isOutOfDescriptors(error: unknown): boolean {
  return isErrno(error, 'EMFILE', 'ENFILE');
}

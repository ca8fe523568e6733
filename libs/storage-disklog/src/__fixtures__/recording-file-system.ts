import { readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  type DirectoryHandle,
  type FileHandle,
  type FileStamp,
  type FileSystem,
  nodeFileSystem,
} from '../io/file-system.js';

/**
 * A change of the files, as it was issued. `done` is the time at which it resolved. A sync counts from then on;
 * anything else may be on the device from the start, or not until it is synced.
 */
export type Change =
  | { type: 'create'; path: string; inode: number }
  | { type: 'write'; inode: number; at: number; bytes: Buffer; durable: boolean; done?: number }
  | { type: 'truncate'; inode: number; size: number }
  | { type: 'copy'; path: string; inode: number; bytes: Buffer }
  | { type: 'rename'; inode: number; from: string; to: string }
  | { type: 'unlink'; path: string }
  | { type: 'sync'; inode: number; done?: number }
  | { type: 'syncDirectory'; done?: number };

/**
 * Works on a real directory and records every change, so that every state a power cut could leave can be built
 * afterwards. Only the directory of the log is watched; paths in changes are names in it.
 */
export class RecordingFileSystem implements FileSystem {
  readonly changes: Change[] = [];
  private readonly names = new Map<string, number>();
  private inodes = 0;
  /** How much of a write the device takes before it is full. */
  takes: (length: number) => number = (length) => length;

  /** @param directory the log's; another one after {@link moveTo} */
  constructor(private directory: string) {}

  /** Records files as fully stored on the device from the start. */
  begin(files: ReadonlyMap<string, Buffer>): void {
    for (const [path, bytes] of files) {
      const inode = this.newInode(path);
      this.changes.push({ type: 'create', path, inode });
      this.changes.push({ type: 'write', inode, at: 0, bytes, durable: true, done: 0 });
    }
    this.changes.push({ type: 'syncDirectory', done: 0 });
  }

  /** Continues the record in a copy of the directory, as after the death of the process. */
  moveTo(directory: string): void {
    this.directory = directory;
  }

  async open(
    path: string,
    options: { write: boolean; create?: boolean; durable?: boolean },
  ): Promise<FileHandle> {
    const handle = await nodeFileSystem.open(path, options);
    if (!options.write) return handle;
    const name = this.nameOf(path);
    let inode = this.names.get(name);
    if (options.create === true) {
      if (inode === undefined) {
        inode = this.newInode(name);
        this.changes.push({ type: 'create', path: name, inode });
      } else this.changes.push({ type: 'truncate', inode, size: 0 });
    }
    if (inode === undefined) throw new Error(`${name} was not made by the log`);
    return this.record(handle, inode, options.durable === true);
  }

  openSync(path: string): FileHandle {
    return nodeFileSystem.openSync(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [this.nameOf(from), this.nameOf(to)];
    const inode = this.names.get(source)!;
    this.changes.push({ type: 'rename', inode, from: source, to: target });
    this.names.set(target, inode);
    this.names.delete(source);
    await nodeFileSystem.rename(from, to);
  }

  async unlink(path: string): Promise<void> {
    const name = this.nameOf(path);
    if (this.names.delete(name)) this.changes.push({ type: 'unlink', path: name });
    await nodeFileSystem.unlink(path);
  }

  async copyFile(from: string, to: string): Promise<void> {
    await nodeFileSystem.copyFile(from, to);
    const name = this.nameOf(to);
    const bytes = await nodeFileSystem.readFile(to);
    this.changes.push({ type: 'copy', path: name, inode: this.newInode(name), bytes });
  }

  async syncDirectory(path: string): Promise<void> {
    if (path !== this.directory) return;
    const change: Change = { type: 'syncDirectory' };
    this.changes.push(change);
    await Promise.resolve();
    change.done = this.changes.length;
  }

  async openDirectory(path: string): Promise<DirectoryHandle> {
    return { sync: () => this.syncDirectory(path), close: async () => {} };
  }

  stampSync = stampOfContents;
  readFile = (path: string) => nodeFileSystem.readFile(path);
  readdir = (path: string) => nodeFileSystem.readdir(path);
  size = (path: string) => nodeFileSystem.size(path);
  /** The directory's own name counts as durable. */
  syncNames = async () => {};
  removeDirectory = (path: string) => nodeFileSystem.removeDirectory(path);
  removeTree = (path: string) => nodeFileSystem.removeTree(path);

  private record(handle: FileHandle, inode: number, durable: boolean): FileHandle {
    const { changes } = this;
    return {
      read: (target, offset, length, position) => handle.read(target, offset, length, position),
      readSync: (target, offset, length, position) => handle.readSync(target, offset, length, position),
      write: async (source, offset, wanted, position) => {
        const length = this.takes(wanted);
        const bytes = Buffer.from(source.subarray(offset, offset + length));
        const change: Change = { type: 'write', inode, at: position, bytes, durable };
        changes.push(change);
        const count = await handle.write(source, offset, length, position);
        change.done = changes.length;
        return count;
      },
      writev(sources, position) {
        const all = Buffer.concat(sources);
        return this.write(all, 0, all.length, position);
      },
      writeSync(source, offset, length, position) {
        const bytes = Buffer.from(source.subarray(offset, offset + length));
        const count = handle.writeSync(source, offset, length, position);
        changes.push({ type: 'write', inode, at: position, bytes, durable, done: changes.length + 1 });
        return count;
      },
      async sync() {
        const change: Change = { type: 'sync', inode };
        changes.push(change);
        await Promise.resolve();
        change.done = changes.length;
      },
      async truncate(size) {
        changes.push({ type: 'truncate', inode, size });
        await handle.truncate(size);
      },
      close: () => handle.close(),
      sizeSync: () => handle.sizeSync(),
      closeSync: () => handle.closeSync(),
    };
  }

  private newInode(name: string): number {
    const inode = ++this.inodes;
    this.names.set(name, inode);
    return inode;
  }

  private nameOf(path: string): string {
    const name = relative(this.directory, path);
    if (name !== basename(path)) throw new Error(`${path} is outside the log's directory`);
    return name;
  }
}

/**
 * A copy of a file counts as the same file here. So the summary of closed files stays valid, where it may, in copies
 * of a log and in what a crash left.
 */
function stampOfContents(path: string): FileStamp {
  const bytes = readFileSync(path);
  return { size: bytes.length, inode: 1, changed: 1000 * crc32(bytes) + 1, modified: 1 };
}

/** The real files without waiting for the device, for opening a great many states. */
export const fastFileSystem: FileSystem = {
  ...nodeFileSystem,
  async open(path, options) {
    const handle = await nodeFileSystem.open(path, { ...options, durable: false });
    handle.sync = async () => {};
    return handle;
  },
  stampSync: stampOfContents,
  openDirectory: async () => ({ sync: async () => {}, close: async () => {} }),
  syncDirectory: async () => {},
  syncNames: async () => {},
};

/** Like {@link fastFileSystem}, but changes of a file's bytes that keep its length escape the file system. */
export const unseeingFileSystem: FileSystem = {
  ...fastFileSystem,
  stampSync(path) {
    const { size } = nodeFileSystem.stampSync(path);
    return { size, inode: 1, changed: 1, modified: 1 };
  },
};

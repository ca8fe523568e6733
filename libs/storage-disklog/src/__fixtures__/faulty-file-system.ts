import { basename } from 'node:path';
import {
  type DirectoryHandle,
  type FileHandle,
  type FileStamp,
  type FileSystem,
  nodeFileSystem,
} from '../io/file-system.js';

/** A call that is about to be made. */
export interface Call {
  readonly name:
    | 'open'
    | 'write'
    | 'sync'
    | 'truncate'
    | 'rename'
    | 'unlink'
    | 'openDirectory'
    | 'syncDirectory'
    | 'copyFile'
    | 'read'
    | 'readFile'
    | 'readdir'
    | 'size';
  /** The file's name in its directory. */
  readonly file: string;
  /** Counts the calls from 0. */
  readonly index: number;
}

/** Calls that take a descriptor, if only while they last. */
const OPENING: readonly Call['name'][] = ['open', 'openDirectory', 'copyFile', 'readFile', 'readdir'];

export function needsDescriptor({ name }: Call): boolean {
  return OPENING.includes(name);
}

/** An errno makes the call fail. A number makes a write take only that many bytes, without an error. */
export type Fault = string | number | undefined;

/** Real files with faults: a test decides for every call whether it fails. */
export class FaultyFileSystem implements FileSystem {
  readonly calls: Call[] = [];
  /** Decides each call's fate. */
  fault: (call: Call) => Fault = () => undefined;
  /** Open handles. Closing a handle twice, syncing a closed one, or leaving one open is a bug. */
  readonly openHandles = new Set<string>();
  readonly mistakes: string[] = [];
  private opened = 0;

  async open(
    path: string,
    options: { write: boolean; create?: boolean; durable?: boolean },
  ): Promise<FileHandle> {
    this.check('open', path);
    return this.wrap(await nodeFileSystem.open(path, { ...options, durable: false }), path);
  }

  openSync(path: string): FileHandle {
    this.check('open', path);
    return this.wrap(nodeFileSystem.openSync(path), path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.check('rename', to);
    await nodeFileSystem.rename(from, to);
  }

  async unlink(path: string): Promise<void> {
    this.check('unlink', path);
    await nodeFileSystem.unlink(path);
  }

  async copyFile(from: string, to: string): Promise<void> {
    this.check('copyFile', to);
    await nodeFileSystem.copyFile(from, to);
  }

  async openDirectory(path: string): Promise<DirectoryHandle> {
    this.check('openDirectory', path);
    const handle = this.wrap(await nodeFileSystem.open(path, { write: false }), path);
    return { sync: async () => void this.check('syncDirectory', path), close: () => handle.close() };
  }

  async syncDirectory(path: string): Promise<void> {
    this.check('openDirectory', path);
    this.check('syncDirectory', path);
  }

  async readFile(path: string): Promise<Buffer> {
    this.check('readFile', path);
    return nodeFileSystem.readFile(path);
  }

  async readdir(path: string): Promise<{ name: string; directory: boolean }[]> {
    this.check('readdir', path);
    return nodeFileSystem.readdir(path);
  }

  async size(path: string): Promise<number | undefined> {
    this.check('size', path);
    return nodeFileSystem.size(path);
  }

  stampSync(path: string): FileStamp {
    this.check('size', path);
    return nodeFileSystem.stampSync(path);
  }

  syncNames = async () => {};
  removeDirectory = (path: string) => nodeFileSystem.removeDirectory(path);
  removeTree = (path: string) => nodeFileSystem.removeTree(path);

  private check(name: Call['name'], path: string): number | undefined {
    const call: Call = { name, file: basename(path), index: this.calls.length };
    this.calls.push(call);
    const fault = this.fault(call);
    if (typeof fault === 'number') return fault;
    if (fault === undefined) return undefined;
    throw Object.assign(new Error(`${fault}: ${name} ${call.file} (injected)`), { code: fault });
  }

  private wrap(handle: FileHandle, path: string): FileHandle {
    const id = `${basename(path)}#${++this.opened}`;
    this.openHandles.add(id);
    return {
      read: async (...args) => {
        this.check('read', path);
        return handle.read(...args);
      },
      readSync: (...args) => {
        this.check('read', path);
        return handle.readSync(...args);
      },
      write: async (source, offset, length, position) => {
        const limit = this.check('write', path);
        return handle.write(source, offset, Math.min(length, limit ?? length), position);
      },
      writev(sources, position) {
        const all = Buffer.concat(sources);
        return this.write(all, 0, all.length, position);
      },
      writeSync: (source, offset, length, position) => {
        const limit = this.check('write', path);
        return handle.writeSync(source, offset, Math.min(length, limit ?? length), position);
      },
      sync: async () => {
        if (!this.openHandles.has(id)) this.mistakes.push(`${id} synced after it was closed`);
        this.check('sync', path);
      },
      truncate: async (size) => {
        this.check('truncate', path);
        await handle.truncate(size);
      },
      close: async () => {
        if (!this.openHandles.delete(id)) this.mistakes.push(`${id} closed twice`);
        else await handle.close();
      },
      sizeSync: () => handle.sizeSync(),
      closeSync: () => {
        if (!this.openHandles.delete(id)) this.mistakes.push(`${id} closed twice`);
        else handle.closeSync();
      },
    };
  }
}

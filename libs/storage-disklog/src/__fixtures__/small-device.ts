import type { FileHandle } from '../io/file-system.js';
import { FaultyFileSystem } from './faulty-file-system.js';

const BLOCK = 4096;

/**
 * Real files on a device with space for a number of 4 KiB blocks. A write that does not fit is taken in part, then
 * refused.
 */
export class SmallDevice extends FaultyFileSystem {
  /** Blocks of each file; holes have none. */
  private readonly files = new Map<string, Set<number>>();

  constructor(public blocks: number) {
    super();
  }

  get free(): number {
    let free = this.blocks;
    for (const { size } of this.files.values()) free -= size;
    return free;
  }

  override async open(
    path: string,
    options: { write: boolean; create?: boolean; durable?: boolean },
  ): Promise<FileHandle> {
    const handle = await super.open(path, options);
    if (!this.files.has(path)) this.files.set(path, new Set());
    return {
      ...handle,
      write: (source, offset, length, position) => {
        const fits = Math.min(length, this.take(path, position, position + length) - position);
        if (fits <= 0) return Promise.reject(Object.assign(new Error('no room'), { code: 'ENOSPC' }));
        return handle.write(source, offset, fits, position);
      },
      truncate: (end) => {
        const taken = this.files.get(path)!;
        for (const block of taken) if (block * BLOCK >= end) taken.delete(block);
        return handle.truncate(end);
      },
    };
  }

  override async unlink(path: string): Promise<void> {
    this.files.delete(path);
    await super.unlink(path);
  }

  override async rename(from: string, to: string): Promise<void> {
    this.files.set(to, this.files.get(from) ?? new Set());
    this.files.delete(from);
    await super.rename(from, to);
  }

  /** Takes the blocks of a range; returns up to where there are some. */
  private take(path: string, from: number, to: number): number {
    const taken = this.files.get(path)!;
    let { free } = this;
    for (let block = Math.floor(from / BLOCK); block * BLOCK < to; block++) {
      if (taken.has(block)) continue;
      if (free-- <= 0) return block * BLOCK;
      taken.add(block);
    }
    return to;
  }
}

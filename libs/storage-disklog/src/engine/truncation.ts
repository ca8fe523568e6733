import { join } from 'node:path';
import { writeIndexFile } from '../format/headers.js';
import { type FileHandle, isErrno } from '../io/file-system.js';
import { writeAll } from '../io/write-all.js';
import { type SyncNames, withoutReturn, writeFresh } from './durable-files.js';
import type { FileMaker } from './file-maker.js';
import { segmentNumber, withoutIndex, wrapNumber } from './names.js';

/** A new file that still has a temporary name. */
interface Unfinished {
  readonly handle: FileHandle;
  readonly from: string;
  readonly to: string;
  readonly bytes: Buffer;
}

/**
 * Removes all files of a log and makes its first file anew. A marker makes this one step: while it exists, the next
 * open completes the truncation. Everything that needs a descriptor is opened before the first file is removed; what
 * needs space is written after that.
 */
export class Truncation {
  private readonly made: Unfinished[] = [];
  private found: readonly string[] = [];

  constructor(
    private readonly maker: FileMaker,
    private readonly syncNames: SyncNames,
  ) {}

  /** Opens all descriptors; {@link abandon} closes them. */
  async prepare(): Promise<void> {
    const { fs, names, options, firstNumber } = this.maker;
    this.found = (await fs.readdir(names.directory)).map(({ name }) => name);
    const index = writeIndexFile({ current: 1, counts: [0] });
    if (options.type === 'wrap') await this.begin(names.unfinishedIndex, names.index, index);
    await this.begin(names.unfinished, names.file(firstNumber), options.format.fileHead('opened'));
  }

  /** Sets the marker. If that fails, makes sure that none remains. */
  async mark(): Promise<void> {
    const { fs, names } = this.maker;
    try {
      await writeFresh(fs, names.truncation, Buffer.alloc(0));
      await this.syncNames();
    } catch (error) {
      await this.unmark();
      throw error;
    }
  }

  /** Removes the marker. If it remained, the next open would remove everything written from here on. */
  unmark(): Promise<void> {
    const { fs, names } = this.maker;
    return withoutReturn(async () => {
      await fs.unlink(names.truncation);
      await this.syncNames();
    });
  }

  async removeFiles(): Promise<void> {
    const { fs, names, options } = this.maker;
    await fs.unlink(names.end);
    await this.removeSummary();
    await fs.unlink(names.segments);
    await fs.unlink(names.halt);
    const numberOf = options.type === 'compact' ? segmentNumber : wrapNumber;
    // Generations may begin anew, so an index without its file could pass for that of another file with its number.
    for (const name of this.found) {
      if (numberOf(withoutIndex(name)) !== undefined) await fs.unlink(join(names.directory, name));
    }
    await this.syncNames();
  }

  /** `log.left` may be a directory, which is no reason to fail. */
  private async removeSummary(): Promise<void> {
    const { fs, names } = this.maker;
    await fs.unlink(names.left).catch((error: unknown) => {
      if (!isErrno(error, 'EISDIR', 'EPERM')) throw error;
    });
  }

  /**
   * Puts the new files in place.
   * @returns the writer of the first log file
   */
  async finish(): Promise<FileHandle> {
    const { fs, names } = this.maker;
    for (const { handle, from, to, bytes } of this.made) {
      await writeAll(handle, bytes, 0);
      await handle.sync();
      await fs.rename(from, to);
      await this.syncNames();
    }
    await fs.unlink(names.truncation);
    await this.syncNames();
    return this.made.pop()!.handle;
  }

  /** Closes what is still open. */
  async abandon(): Promise<void> {
    for (const { handle } of this.made.splice(0)) await handle.close().catch(() => undefined);
  }

  private async begin(from: string, to: string, bytes: Buffer): Promise<void> {
    const { fs, options } = this.maker;
    const handle = await fs.open(from, { write: true, create: true, durable: options.durable });
    this.made.push({ handle, from, to, bytes });
  }
}

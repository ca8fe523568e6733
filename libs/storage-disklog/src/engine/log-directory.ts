import { writeIndexFile } from '../format/headers.js';
import { type FileSystem, isErrno, isOutOfDescriptors } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import type { CurrentFile } from './current-file.js';
import { type SyncNames, withDirectory, withoutReturn, writeFresh } from './durable-files.js';
import { type DirectoryOptions, FileMaker } from './file-maker.js';
import { LateLook } from './late-look.js';
import { writeLogEnd } from './log-end.js';
import { LeftFiles } from './left-files.js';
import { LogFile, pinAll } from './log-file.js';
import { LogOpener, type Recovery } from './log-opener.js';
import type { MemoryKeys } from './memory-keys.js';
import type { LogNames } from './names.js';
import { Segments } from './segments.js';
import { Truncation } from './truncation.js';

/**
 * The files of one log, their order, and every step that changes them. A crash during a step leaves a directory that
 * opens as it was before the step or after it. (A rotation that drops several files may have dropped only the
 * oldest.)
 */
export class LogDirectory {
  lostItems = 0;
  private readonly fs: FileSystem;
  private readonly options: DirectoryOptions;
  /** Defined for a compact log only. */
  readonly segments: Segments | undefined;
  private readonly lateLook: LateLook;
  /** Generation of the newest file the log had when it was opened, even if that file is lost. */
  private readonly newestGeneration: number;

  private constructor(
    readonly maker: FileMaker,
    readonly left: LeftFiles,
    public current: CurrentFile,
    /** Oldest first; the last one is the current file. */
    public files: LogFile[],
    /** Sequence number of the next item, as of the opening. */
    readonly sequence: number,
    readonly recovery: Recovery,
    { leftFacts, unseen, generation }: LogOpener,
  ) {
    this.fs = maker.fs;
    this.options = maker.options;
    if (this.options.type === 'compact') this.segments = new Segments(this, maker, leftFacts);
    this.newestGeneration = generation;
    this.lateLook = new LateLook(this, unseen);
  }

  static async open(fs: FileSystem, names: LogNames, options: DirectoryOptions): Promise<LogDirectory> {
    const maker = new FileMaker(fs, names, options);
    const left = new LeftFiles(fs, names, options.format, options.onEvent, options.type === 'wrap');
    const opener = new LogOpener(maker, left);
    try {
      await opener.open();
      const { current, files, sequence, recovery } = opener;
      return new LogDirectory(maker, left, current!, files, sequence, recovery, opener);
    } catch (error) {
      await opener.abandon();
      throw error;
    }
  }

  get names(): LogNames {
    return this.maker.names;
  }

  /** The files that the next rotation will drop, oldest first. */
  nextEvicted(): readonly LogFile[] {
    const number = this.nextNumber;
    const rest = this.files.filter((file) => file.number !== number);
    const surplus = rest.slice(0, Math.max(0, rest.length + 1 - this.options.maxFiles));
    return this.files.filter((file) => file.number === number || surplus.includes(file));
  }

  /**
   * Makes the next file current, which drops the file it overwrites.
   * @param lastSequence of the file that is closed
   * @throws the system's error while nothing has changed yet, `UnfinishedStepError` later
   */
  async rotate(lastSequence: number): Promise<void> {
    if (this.segments !== undefined) return this.segments.rotate(lastSequence);
    const { current: left } = this;
    const evicted = this.nextEvicted();
    await this.changing((syncNames) => this.rotateTo(this.nextNumber, evicted, syncNames));
    if (!evicted.includes(left.file)) this.left.schedule(left.file, left.keys, lastSequence);
  }

  /** Rebuilds the key index of a file, see {@link LeftFiles.repair}. */
  repair(file: LogFile): Promise<void> {
    return this.left.repair(file, () => this.files.includes(file));
  }

  /** Runs a step that changes which files the log has. */
  changing(step: (syncNames: SyncNames) => Promise<void>): Promise<void> {
    return this.left.alone(() => withDirectory(this.fs, this.names.directory, step));
  }

  private async rotateTo(number: number, evicted: readonly LogFile[], syncNames: SyncNames): Promise<void> {
    const { fs, names, current: left, files } = this;
    // Do everything that needs space or a descriptor first, while the rotation can still be refused.
    await writeFresh(fs, names.unfinished, this.options.format.fileHead('opened'));
    await writeFresh(fs, names.unfinishedIndex, this.indexBytes(number));
    const writer = await this.maker.openWriter(names.unfinished);
    try {
      // These names are about to go to other files: current readers must not reopen an evicted file by name, nor new
      // ones find it.
      pinAll(evicted);
      this.files = files.filter((file) => !evicted.includes(file));
      await withoutReturn(async () => {
        await left.leave().catch((error: unknown) => {
          this.files = files;
          throw error;
        });
        // Drop files oldest first, so that no crash leaves a value whose tombstone is gone.
        const overwritten = evicted.findIndex((file) => file.number === number);
        for (const file of evicted.slice(0, Math.max(0, overwritten))) await this.remove(file, syncNames);
        if (this.options.format.headBytes === 0) {
          // An empty file without a head, next to an index of this number, would look like the truncated remains of
          // an indexed file.
          await fs.unlink(names.keyIndex(number));
          await syncNames();
        }
        await fs.rename(names.unfinished, names.file(number));
        await syncNames();
        await fs.rename(names.unfinishedIndex, names.index);
        await syncNames();
        this.current = this.maker.emptyFile(number, this.nextGeneration, writer);
        this.files.push(this.current.file);
        for (const file of evicted.slice(overwritten + 1)) await this.remove(file, syncNames);
        for (const file of evicted) await this.evicted(file);
      });
    } catch (error) {
      if (this.current === left) await writer.close().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Removes all files and begins the log anew.
   * @throws the system's error while nothing has changed yet, `UnfinishedStepError` later
   */
  async truncate(): Promise<void> {
    await this.changing(async (syncNames) => {
      const truncation = new Truncation(this.maker, syncNames);
      try {
        await truncation.prepare();
        await this.truncateBy(truncation);
      } finally {
        await truncation.abandon();
      }
    });
  }

  private async truncateBy(truncation: Truncation): Promise<void> {
    const { files: old, current } = this;
    await truncation.mark();
    try {
      pinAll(old);
    } catch (error) {
      await truncation.unmark();
      throw error;
    }
    this.files = [];
    await withoutReturn(async () => {
      await truncation.removeFiles();
      // The space of the files is free only once nobody has them open.
      await current.abandon();
      for (const file of old) await file.release();
      const writer = await truncation.finish();
      this.segments?.clear();
      const generation = this.segments?.takeNumber() ?? this.nextGeneration;
      this.current = this.maker.emptyFile(this.maker.firstNumber, generation, writer);
      this.files = [this.current.file];
    });
  }

  /** Replaces the only file of the log by a finished one (compaction). */
  async replace(
    path: string,
    keys: MemoryKeys,
    { end, items, entries }: Pick<LogFile, 'end' | 'items' | 'entries'>,
  ): Promise<void> {
    const { fs, current: old } = this;
    const { format, onEvent } = this.options;
    const { path: target, number } = old.file;
    const generation = this.nextGeneration;
    await withDirectory(fs, this.names.directory, async (syncNames) => {
      const writer = await this.maker.openWriter(path);
      try {
        // A reader that opens the old file by name after the rename would get the new one.
        pinAll([old.file]);
        const handle = new PooledFile(fs, target);
        const counts = [end, items, entries] as const;
        const file = new LogFile(target, number, generation, format, handle, keys, ...counts, [], onEvent);
        await withoutReturn(async () => {
          await fs.rename(path, target);
          this.current = this.maker.makeCurrent(file, keys, writer, end);
          this.files = [file];
          await syncNames().finally(async () => {
            await old.abandon();
            await old.file.release();
          });
        });
      } catch (error) {
        if (this.current === old) await writer.close().catch(() => undefined);
        throw error;
      }
    });
  }

  /** Reports that a compaction has written `entries` into `bytes`. */
  reportCompaction(entries: number, bytesBefore: number, bytes: number, ms: number): void {
    this.options.onEvent({ type: 'compacted', items: entries, bytesBefore, bytes, ms });
  }

  /** Marks the log closed, with everything in it durable. */
  async close(lastSequence: number): Promise<void> {
    const { current } = this;
    await this.left.settled();
    try {
      await withoutReturn(async () => {
        await current.leave();
        await this.noteEnd(lastSequence).catch((error: unknown) => {
          // A shortage of space or descriptors: the data is safe, and this record is optional.
          if (!isErrno(error, 'ENOSPC', 'EDQUOT') && !isOutOfDescriptors(error)) throw error;
        });
      });
    } finally {
      await this.abandon();
    }
  }

  private async noteEnd(lastSequence: number): Promise<void> {
    const { number, generation, end, items } = this.current.file;
    if (this.options.type === 'wrap') await this.writeIndex(number);
    await this.maker.put(this.names.end, writeLogEnd({ number, generation, end, items, lastSequence }));
  }

  /** Closes all files as they are. */
  async abandon(): Promise<void> {
    await this.lateLook.stop();
    await this.left.alone(async () => {
      await this.current.abandon();
      await this.release();
    });
  }

  private async release(): Promise<void> {
    const { files } = this;
    this.files = [];
    for (const file of files) await file.release();
  }

  /** Generation of the next file. A generation that belonged to a lost file is not given again. */
  get nextGeneration(): number {
    return Math.max(this.newestGeneration, this.current.file.generation) + 1;
  }

  private get nextNumber(): number {
    const { number } = this.current.file;
    return number >= this.options.maxFiles ? 1 : number + 1;
  }

  private async remove(file: LogFile, syncNames: SyncNames): Promise<void> {
    await this.fs.unlink(file.path);
    await syncNames();
  }

  private async evicted(file: LogFile): Promise<void> {
    // Its generation would keep this index from being trusted, but nothing else would ever remove it.
    if (file.number !== this.current.file.number) await this.fs.unlink(this.names.keyIndex(file.number));
    this.lostItems += file.entries;
    this.options.onEvent({ type: 'evicted', items: file.entries, bytes: file.end });
    await file.release();
  }

  private indexBytes(current: number): Buffer {
    const highest = Math.max(current, ...this.files.map((file) => file.number));
    const counts = new Array<number>(highest).fill(0);
    for (const file of this.files) if (file.number !== current) counts[file.number - 1] = file.items;
    if (this.current.file.number === current) counts[current - 1] = this.current.file.items;
    return writeIndexFile({ current, counts });
  }

  private writeIndex(current: number): Promise<void> {
    return this.maker.put(this.names.index, this.indexBytes(current), this.names.unfinishedIndex);
  }
}

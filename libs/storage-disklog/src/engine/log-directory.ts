import { InvalidConfigError, NeedRepairError, type StoreEvent } from '@genrocks/storage';
import { fileHead, FILE_HEAD, readFileHead, writeIndexFile, writeSizeFile } from '../format/headers.js';
import { type FileHandle, type FileSystem, isErrno } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import { CurrentFile } from './current-file.js';
import { copyDurably, replaceFile, withoutReturn, writeFresh } from './durable-files.js';
import { inParallel } from './in-parallel.js';
import { endIsMissing, type KnownEnd, readLogEnd, writeLogEnd } from './log-end.js';
import { LeftFiles } from './left-files.js';
import { type Damage, LogFile } from './log-file.js';
import { MemoryKeys } from './memory-keys.js';
import { type LogNames, wrapNumber } from './names.js';
import { recoverFile, type RecoveredFile } from './recovery.js';
import { findWrapOrder } from './wrap-order.js';

export interface DirectoryOptions {
  readonly type: 'halt' | 'wrap' | 'compact';
  readonly maxBytes: number;
  readonly maxFiles: number;
  readonly repair: 'truncate' | false;
  /** Every write waits for the device. */
  readonly durable: boolean;
  /** The topmost directory whose name belongs to the log. */
  readonly base: string;
  readonly onEvent: (event: StoreEvent) => void;
}

/** What opening a log found and did. */
export interface Recovery {
  /** The log had not been closed. */
  readonly repaired: boolean;
  readonly items: number;
  readonly badBytes: number;
  readonly ms: number;
}

/** A file of the log as the directory knows it before the file is opened. */
interface KnownFile {
  readonly number: number;
  readonly generation: number | undefined;
  readonly size: number;
}

/**
 * The files of one log: which there are, in which order, and every step that changes it. Each step is made so that a
 * crash behind any of its calls leaves a directory that opens as before the step or as after it.
 */
export class LogDirectory {
  current!: CurrentFile;
  /** Oldest first; the last is the current one. */
  files: LogFile[] = [];
  /** The items' next sequence number, as of the opening. */
  sequence = 1;
  recovery!: Recovery;
  lostItems = 0;
  readonly left: LeftFiles;

  private constructor(
    private readonly fs: FileSystem,
    readonly names: LogNames,
    private readonly options: DirectoryOptions,
  ) {
    this.left = new LeftFiles(fs, names, options.onEvent);
  }

  static async open(fs: FileSystem, names: LogNames, options: DirectoryOptions): Promise<LogDirectory> {
    const directory = new LogDirectory(fs, names, options);
    try {
      await directory.load();
      return directory;
    } catch (error) {
      await directory.abandon();
      throw error;
    }
  }

  /** The files that the next rotation will drop, oldest first. */
  nextEvicted(): readonly LogFile[] {
    const number = this.nextNumber;
    const rest = this.files.filter((file) => file.number !== number);
    const surplus = rest.slice(0, Math.max(0, rest.length + 1 - this.options.maxFiles));
    return this.files.filter((file) => file.number === number || surplus.includes(file));
  }

  /**
   * Makes the next file current; the file it overwrites is gone with that.
   * @param lastSequence of the file that is left
   * @throws the system's error while nothing has changed yet, `UnfinishedStepError` later
   */
  async rotate(lastSequence: number): Promise<void> {
    const { fs, names, current: left } = this;
    await this.left.settled();
    const number = this.nextNumber;
    const evicted = this.nextEvicted();
    // Everything that needs room or a descriptor comes first.
    await writeFresh(fs, names.unfinished, fileHead('opened'));
    await writeFresh(fs, names.unfinishedIndex, this.indexBytes(number));
    const writer = await this.openWriter(names.unfinished);
    await withoutReturn(async () => {
      await left.leave();
      // Nobody new may open an evicted file by a name that goes to another file next.
      for (const file of evicted) file.pin();
      this.files = this.files.filter((file) => !evicted.includes(file));
      // What is dropped goes oldest first, so that no crash can leave a value whose tombstone is gone.
      const overwritten = evicted.findIndex((file) => file.number === number);
      for (const file of evicted.slice(0, Math.max(0, overwritten))) await this.remove(file);
      await fs.rename(names.unfinished, names.file(number));
      await fs.syncDirectory(names.directory);
      await fs.rename(names.unfinishedIndex, names.index);
      await fs.syncDirectory(names.directory);
      this.current = this.emptyFile(number, left.file.generation + 1, writer);
      this.files.push(this.current.file);
      for (const file of evicted.slice(overwritten + 1)) await this.remove(file);
      for (const file of evicted) await this.evicted(file);
    }).catch(async (error: unknown) => {
      if (this.current === left) await writer.close().catch(() => undefined);
      throw error;
    });
    if (!evicted.includes(left.file)) this.left.schedule(left.file, left.keys, lastSequence);
  }

  /**
   * Removes everything. A marker makes it one step: while it stands, the next open finishes what was begun.
   * @throws the system's error while nothing has changed yet, `UnfinishedStepError` later
   */
  async truncate(): Promise<void> {
    const { fs, names, files: old, current: writer } = this;
    await this.left.settled();
    try {
      await writeFresh(fs, names.truncation, Buffer.alloc(0));
      await fs.syncDirectory(names.directory);
    } catch (error) {
      // A marker that stays would make the next open remove what is written from here on.
      await withoutReturn(async () => {
        await fs.unlink(names.truncation);
        await fs.syncDirectory(names.directory);
      });
      throw error;
    }
    await withoutReturn(async () => {
      for (const file of old) file.pin();
      this.files = [];
      await this.removeFiles();
      // The room that the files took is free only once nobody has them open.
      await writer.abandon();
      for (const file of old) await file.release();
      await this.finishTruncation();
      this.current = await this.openEmpty(this.firstNumber, writer.file.generation + 1);
      this.files = [this.current.file];
    });
  }

  /** Puts a finished file in the place of the only one (compaction). */
  async replace(path: string, keys: MemoryKeys, end: number, items: number): Promise<void> {
    const { fs, names, current: old } = this;
    const writer = await this.openWriter(path);
    await withoutReturn(async () => {
      old.file.pin();
      const handle = new PooledFile(fs, names.halt);
      const generation = old.file.generation + 1;
      const file = new LogFile(names.halt, 0, generation, handle, keys, end, items, items, []);
      // Who comes from here on must not open the old file by a name that is about to be the new one's.
      await fs.rename(path, names.halt);
      this.current = this.makeCurrent(file, keys, writer, end);
      this.files = [file];
      await fs.syncDirectory(names.directory).finally(async () => {
        await old.abandon();
        await old.file.release();
      });
    }).catch(async (error: unknown) => {
      if (this.current === old) await writer.close().catch(() => undefined);
      throw error;
    });
  }

  /** Marks the log closed, everything in it durable. */
  async close(lastSequence: number): Promise<void> {
    const { current } = this;
    await this.left.settled();
    try {
      await withoutReturn(async () => {
        await current.leave();
        await this.noteEnd(lastSequence).catch((error: unknown) => {
          // A full device: the data is safe, and what is noted here can be missing.
          if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
        });
      });
    } finally {
      await this.abandon();
    }
  }

  private async noteEnd(lastSequence: number): Promise<void> {
    const { number, generation, end, items } = this.current.file;
    if (this.options.type === 'wrap') await this.writeIndex(number);
    await this.put(this.names.end, writeLogEnd({ number, generation, end, items, lastSequence }));
  }

  /** Lets go of all files as they are. */
  async abandon(): Promise<void> {
    await this.left.settled();
    await (this.current as CurrentFile | undefined)?.abandon();
    await this.release();
  }

  private async release(): Promise<void> {
    const { files } = this;
    this.files = [];
    for (const file of files) await file.release();
  }

  private get nextNumber(): number {
    const { number } = this.current.file;
    return number >= this.options.maxFiles ? 1 : number + 1;
  }

  private get firstNumber(): number {
    return this.options.type === 'wrap' ? 1 : 0;
  }

  private async load(): Promise<void> {
    const started = performance.now();
    const { fs, names, options } = this;
    await this.refuseOtherType();
    if ((await fs.size(names.truncation)) !== undefined) {
      if (options.repair === false) throw new NeedRepairError(names.directory);
      await this.removeFiles();
      await this.finishTruncation();
    }
    const known = options.type === 'wrap' ? await this.wrapFiles() : await this.haltFile();
    for (const path of [names.unfinished, names.unfinishedIndex, names.compacted]) await fs.unlink(path);
    const current = known.at(-1);
    if (current === undefined) return this.create(started);
    await this.openLeft(known.slice(0, -1));
    const { badBytes, status } = await this.openCurrent(current);
    const items = this.files.reduce((sum, file) => sum + file.entries, 0);
    // Names may be in the page cache only, if the last process died before it synced them.
    if (status !== 'closed') await fs.syncDirectory(names.directory);
    this.recovery = { repaired: status !== 'closed', items, badBytes, ms: performance.now() - started };
    if (this.recovery.repaired) options.onEvent({ type: 'recovered', items, badBytes, ms: this.recovery.ms });
  }

  private async haltFile(): Promise<KnownFile[]> {
    const { fs, names } = this;
    const size = await fs.size(names.halt);
    // Shorter than its head: the file was being created when the process died.
    if (size === undefined || size < FILE_HEAD) {
      await this.reportMissing(names.halt, await this.closedEnd());
      return [];
    }
    if (this.options.repair === false) await this.refuseUnclosed(names.halt);
    return [{ number: 0, generation: undefined, size }];
  }

  private async wrapFiles(): Promise<readonly KnownFile[]> {
    const { names } = this;
    const order = await findWrapOrder(this.fs, names);
    const current = order.files.at(-1);
    // A file gets its name before the index names it.
    const missing = order.index?.current;
    if (missing !== undefined && !order.files.some(({ number }) => number === missing)) {
      const end = await this.closedEnd();
      if (current !== undefined || end !== undefined) await this.reportMissing(names.file(missing), end);
    }
    if (current !== undefined) {
      if (this.options.repair === false) await this.refuseUnclosed(names.file(current.number));
      if (order.indexIsStale) {
        const counts = order.index?.counts ?? [];
        await this.put(
          names.index,
          writeIndexFile({ current: current.number, counts }),
          names.unfinishedIndex,
        );
      }
    }
    await this.writeLimits();
    return order.files;
  }

  private async refuseUnclosed(path: string): Promise<void> {
    const head = Buffer.alloc(FILE_HEAD);
    const handle = await this.fs.open(path, { write: false });
    try {
      await handle.read(head, 0, FILE_HEAD, 0);
    } finally {
      await handle.close();
    }
    if (readFileHead(head) !== 'closed') throw new NeedRepairError(path);
  }

  private async writeLimits(): Promise<void> {
    const bytes = writeSizeFile({ maxBytes: this.options.maxBytes, maxFiles: this.options.maxFiles });
    const old = await this.fs.readFile(this.names.sizes).catch(() => undefined);
    if (old === undefined || !old.equals(bytes)) await this.put(this.names.sizes, bytes);
  }

  private async create(started: number): Promise<void> {
    await this.fs.syncNames(this.names.directory, this.options.base);
    await this.fs.unlink(this.names.end);
    await this.createFirst();
    this.current = await this.openEmpty(this.firstNumber, 1);
    this.files = [this.current.file];
    this.recovery = { repaired: false, items: 0, badBytes: 0, ms: performance.now() - started };
  }

  private async createFirst(): Promise<void> {
    const { names } = this;
    const index = writeIndexFile({ current: 1, counts: [0] });
    if (this.options.type === 'wrap') await this.put(names.index, index, names.unfinishedIndex);
    await this.put(names.file(this.firstNumber), fileHead('opened'));
  }

  private async openLeft(known: readonly KnownFile[]): Promise<void> {
    const indexed = await inParallel(known, (file) =>
      this.left.open(file.number, file.generation, file.size),
    );
    for (const [i, opened] of indexed.entries()) {
      if (opened !== undefined) {
        this.files.push(opened.file);
        this.sequence = Math.max(this.sequence, opened.lastSequence + 1);
      } else {
        const { file, recovered } = await this.recover(known[i]!, false);
        await this.left.rebuild(file, recovered);
      }
    }
  }

  private async openCurrent(known: KnownFile): Promise<RecoveredFile> {
    const { file, recovered } = await this.recover(known, true);
    const { keys, badBytes, end } = recovered;
    const writer = await this.openWriter(file.path);
    try {
      // A write that was cut off may sit in the page cache only; from here on it counts as stored.
      if (badBytes > 0) await writer.truncate(end);
      const head = fileHead('opened');
      await writer.write(head, 0, head.length, 0);
      await writer.sync();
    } catch (error) {
      await writer.close();
      throw error;
    }
    const size = badBytes > 0 ? end : known.size;
    this.current = new CurrentFile(
      file,
      keys,
      writer,
      this.fillerFor(file.path),
      this.options.maxBytes,
      size,
    );
    return recovered;
  }

  /** Reads a file from end to end. */
  private async recover(
    known: KnownFile,
    isCurrent: boolean,
  ): Promise<{ file: LogFile; recovered: RecoveredFile }> {
    const { number, size } = known;
    const path = this.names.file(number);
    const handle = new PooledFile(this.fs, path);
    try {
      const knownEnd = isCurrent ? await this.closedEnd() : await this.left.knownEnd(number);
      const recovered = await recoverFile(handle, path, size, isCurrent, knownEnd?.number === number);
      const generation = recovered.generation ?? (this.files.at(-1)?.generation ?? 0) + 1;
      this.sequence = Math.max(this.sequence, (recovered.lastSequence ?? 0) + 1);
      const { keys, end, items, entries } = recovered;
      const damage = [...recovered.damage, ...endIsMissing(knownEnd, path, number, recovered)];
      await this.quarantine(number, damage, recovered.cutNeedsCopy);
      const file = new LogFile(path, number, generation, handle, keys, end, items, entries, damage);
      this.files.push(file);
      return { file, recovered };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Where the log ended when it was closed last. */
  private async closedEnd(): Promise<KnownEnd | undefined> {
    const bytes = await this.fs.readFile(this.names.end).catch(() => undefined);
    return bytes === undefined ? undefined : readLogEnd(bytes);
  }

  /** A file that should be there is not, or not so much of it that it could be read. */
  private async reportMissing(path: string, end: KnownEnd | undefined): Promise<void> {
    if (end === undefined && path === this.names.halt) return;
    const reason = 'the file is missing';
    this.options.onEvent({ type: 'damaged', file: path, offset: 0, length: end?.end ?? 0, reason });
  }

  /**
   * Reports damage, and keeps a copy of the file before anything in it changes: one of damage that stays in place, one
   * more each time that something is cut.
   */
  private async quarantine(number: number, damage: readonly Damage[], cutNeedsCopy: boolean): Promise<void> {
    for (const { file, start, end, reason } of damage) {
      this.options.onEvent({ type: 'damaged', file, offset: start, length: end - start, reason });
    }
    if (damage.length === 0 && !cutNeedsCopy) return;
    const { fs, names } = this;
    let copy = names.quarantine(number);
    for (let n = 2; (await fs.size(copy)) !== undefined; n++) {
      if (!cutNeedsCopy) return;
      copy = `${names.quarantine(number)}.${n}`;
    }
    await copyDurably(fs, names.file(number), copy, names.directory);
  }

  private async openEmpty(number: number, generation: number): Promise<CurrentFile> {
    return this.emptyFile(number, generation, await this.openWriter(this.names.file(number)));
  }

  private emptyFile(number: number, generation: number, writer: FileHandle): CurrentFile {
    const path = this.names.file(number);
    const keys = new MemoryKeys();
    const handle = new PooledFile(this.fs, path);
    const file = new LogFile(path, number, generation, handle, keys, FILE_HEAD, 0, 0, []);
    return this.makeCurrent(file, keys, writer, FILE_HEAD);
  }

  private makeCurrent(file: LogFile, keys: MemoryKeys, writer: FileHandle, size: number): CurrentFile {
    return new CurrentFile(file, keys, writer, this.fillerFor(file.path), this.options.maxBytes, size);
  }

  private openWriter(path: string) {
    return this.fs.open(path, { write: true, durable: this.options.durable });
  }

  private fillerFor(path: string) {
    return this.options.durable ? () => this.fs.open(path, { write: true }) : undefined;
  }

  /** The first half of a truncation, its marker standing. */
  private async removeFiles(): Promise<void> {
    const { fs, names } = this;
    await fs.unlink(names.end);
    await fs.unlink(names.halt);
    for (const { name } of await fs.readdir(names.directory)) {
      const number = wrapNumber(name);
      if (number === undefined) continue;
      await fs.unlink(names.file(number));
      await fs.unlink(names.keyIndex(number));
    }
    await fs.syncDirectory(names.directory);
  }

  private async finishTruncation(): Promise<void> {
    const { fs, names } = this;
    await this.createFirst();
    await fs.unlink(names.truncation);
    await fs.syncDirectory(names.directory);
  }

  private async remove(file: LogFile): Promise<void> {
    await this.fs.unlink(file.path);
    await this.fs.syncDirectory(this.names.directory);
  }

  private async evicted(file: LogFile): Promise<void> {
    // Of another generation than what has the name now, so it could stay; but nothing would ever remove it.
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
    return this.put(this.names.index, this.indexBytes(current), this.names.unfinishedIndex);
  }

  private put(path: string, bytes: Buffer, temporary = this.names.unfinished): Promise<void> {
    return replaceFile(this.fs, path, bytes, temporary, this.names.directory);
  }

  /** A halt log and a wrap log in one directory would each hide the other's data. */
  private async refuseOtherType(): Promise<void> {
    const { fs, names, options } = this;
    const entries = await fs.readdir(names.directory).catch(() => []);
    const hasWrap = entries.some(({ name, directory }) => !directory && wrapNumber(name) !== undefined);
    const hasHalt = entries.some(({ name, directory }) => !directory && name === 'log');
    const found = options.type === 'wrap' ? hasHalt && !hasWrap && 'halt' : hasWrap && 'wrap';
    if (!found) return;
    const remedy = `${names.directory} holds a ${found} log, open it with log_type: ${found}, or use another directory`;
    throw new InvalidConfigError([`log_type: "${options.type}" is not allowed; ${remedy}`]);
  }
}

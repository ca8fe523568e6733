import { InvalidConfigError, NeedRepairError, type StoreEvent } from '@genrocks/storage';
import { fileHead, FILE_HEAD, readFileHead, writeIndexFile, writeSizeFile } from '../format/headers.js';
import type { FileHandle, FileSystem } from '../io/file-system.js';
import { CurrentFile } from './current-file.js';
import { LogFile } from './log-file.js';
import { MemoryKeys } from './memory-keys.js';
import { LogNames, wrapNumber } from './names.js';
import { recoverFile, type RecoveredFile } from './recovery.js';
import { findWrapOrder } from './wrap-order.js';

export interface DirectoryOptions {
  readonly type: 'halt' | 'wrap' | 'compact';
  readonly maxBytes: number;
  readonly maxFiles: number;
  readonly repair: 'truncate' | false;
  /** Every write waits for the device. */
  readonly durable: boolean;
  /** The topmost directory that may have to be created. */
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

/**
 * The files of one log: which there are, in which order, and every step that changes it. Each step is made so that a
 * crash behind any of its calls leaves a directory that opens as before the step or as after it.
 */
export class LogDirectory {
  current!: CurrentFile;
  /** Oldest first; the last is the current one. */
  files: LogFile[] = [];
  /** The items' next sequence number. */
  sequence = 1;
  recovery!: Recovery;
  lostItems = 0;

  private constructor(
    private readonly fs: FileSystem,
    readonly names: LogNames,
    private readonly options: DirectoryOptions,
  ) {}

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

  /** The files that the next rotation will drop. */
  nextEvicted(): readonly LogFile[] {
    const number = this.nextNumber;
    const overwritten = this.files.filter((file) => file.number === number);
    const surplus = this.files.length - overwritten.length + 1 - this.options.maxFiles;
    const rest = this.files.filter((file) => file.number !== number);
    return [...overwritten, ...rest.slice(0, Math.max(0, surplus))];
  }

  /** Makes the next file current; the file it overwrites is gone with that. */
  async rotate(): Promise<void> {
    const left = this.current;
    const number = this.nextNumber;
    const evicted = this.nextEvicted();
    // Everything that needs room comes first: if there is none, nothing has changed yet.
    await this.writeFresh(this.names.unfinished, fileHead('opened'));
    await this.writeFresh(this.names.unfinishedIndex, this.indexBytes(number));
    await left.leave();
    await this.fs.rename(this.names.unfinished, this.names.file(number));
    await this.fs.syncDirectory(this.names.directory);
    await this.fs.rename(this.names.unfinishedIndex, this.names.index);
    await this.fs.syncDirectory(this.names.directory);
    this.current = await this.openEmpty(number, left.file.generation + 1);
    this.files = [...this.files.filter((file) => !evicted.includes(file)), this.current.file];
    for (const file of evicted) {
      if (file.number !== number) await this.fs.unlink(file.path);
      await this.evict(file);
    }
  }

  /** Removes everything. A marker makes it one step: while it stands, the next open finishes what was begun. */
  async truncate(): Promise<void> {
    const { generation } = this.current.file;
    await this.writeFresh(this.names.truncation, Buffer.alloc(0));
    await this.fs.syncDirectory(this.names.directory);
    const old = this.files;
    const writer = this.current;
    await this.finishTruncation();
    this.current = await this.openEmpty(this.firstNumber, generation + 1);
    this.files = [this.current.file];
    await writer.abandon();
    for (const file of old) await file.release();
  }

  /** Puts a finished file in the place of the only one (compaction). */
  async replace(path: string, keys: MemoryKeys, end: number, items: number): Promise<void> {
    const writer = this.current;
    const [old] = this.files;
    await this.fs.rename(path, this.names.halt);
    await this.fs.syncDirectory(this.names.directory);
    const handle = await this.fs.open(this.names.halt, { write: true });
    const generation = writer.file.generation + 1;
    const file = new LogFile(this.names.halt, 0, generation, handle, keys, end, items, items, []);
    this.current = await this.makeCurrent(file, keys, end);
    this.files = [file];
    await writer.abandon();
    await old!.release();
  }

  /** Marks the log closed, everything in it durable. */
  async close(): Promise<void> {
    await this.current.leave();
    if (this.options.type === 'wrap') await this.writeIndex(this.current.file.number);
    await this.release();
  }

  /** Lets go of all files as they are. */
  async abandon(): Promise<void> {
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
    if ((await fs.size(names.truncation)) !== undefined) await this.finishTruncation();
    const numbers = options.type === 'wrap' ? await this.wrapNumbers() : await this.haltNumbers();
    for (const path of [names.unfinished, names.unfinishedIndex, names.compacted]) await fs.unlink(path);
    if (numbers.length === 0) return this.create(started);
    let recovered: RecoveredFile | undefined;
    for (const number of numbers) recovered = await this.openExisting(number, number === numbers.at(-1));
    const { badBytes, status } = recovered!;
    const items = this.files.reduce((sum, file) => sum + file.entries, 0);
    this.recovery = { repaired: status !== 'closed', items, badBytes, ms: performance.now() - started };
    if (this.recovery.repaired) options.onEvent({ type: 'recovered', items, badBytes, ms: this.recovery.ms });
  }

  private async haltNumbers(): Promise<number[]> {
    const size = await this.fs.size(this.names.halt);
    // Shorter than its head: the file was being created when the process died.
    if (size === undefined || size < FILE_HEAD) return [];
    if (this.options.repair === false) await this.refuseUnclosed(this.names.halt);
    return [0];
  }

  private async wrapNumbers(): Promise<number[]> {
    const order = await findWrapOrder(this.fs, this.names);
    const current = order.files.at(-1);
    if (current !== undefined && this.options.repair === false)
      await this.refuseUnclosed(this.names.file(current.number));
    if (current !== undefined && order.indexIsStale) {
      const counts = order.index?.counts ?? [];
      await this.replaceFile(this.names.index, writeIndexFile({ current: current.number, counts }));
    }
    await this.writeLimits();
    return order.files.map((file) => file.number);
  }

  private async refuseUnclosed(path: string): Promise<void> {
    const head = (await this.fs.readFile(path)).subarray(0, FILE_HEAD);
    if (readFileHead(head) !== 'closed') throw new NeedRepairError(path);
  }

  private async writeLimits(): Promise<void> {
    const bytes = writeSizeFile({ maxBytes: this.options.maxBytes, maxFiles: this.options.maxFiles });
    const old = await this.fs.readFile(this.names.sizes).catch(() => undefined);
    if (old === undefined || !old.equals(bytes)) await this.replaceFile(this.names.sizes, bytes);
  }

  private async create(started: number): Promise<void> {
    await this.fs.makeDirectory(this.names.directory, this.options.base);
    await this.createFirst();
    this.current = await this.openEmpty(this.firstNumber, 1);
    this.files = [this.current.file];
    this.recovery = { repaired: false, items: 0, badBytes: 0, ms: performance.now() - started };
  }

  private async createFirst(): Promise<void> {
    const { fs, names } = this;
    if (this.options.type === 'wrap')
      await this.replaceFile(names.index, writeIndexFile({ current: 1, counts: [0] }));
    await this.replaceFile(names.file(this.firstNumber), fileHead('opened'));
    await fs.syncDirectory(names.directory);
  }

  private async openExisting(number: number, isLast: boolean): Promise<RecoveredFile> {
    const path = this.names.file(number);
    const handle = await this.fs.open(path, { write: isLast });
    let recovered: RecoveredFile;
    let size: number;
    try {
      size = (await this.fs.size(path)) ?? 0;
      recovered = await recoverFile(handle, path, size, isLast);
    } catch (error) {
      await handle.close();
      throw error;
    }
    const generation = recovered.generation ?? (this.files.at(-1)?.generation ?? 0) + 1;
    this.sequence = Math.max(this.sequence, (recovered.lastSequence ?? 0) + 1);
    const { keys, end, items, entries, damage } = recovered;
    const file = new LogFile(path, number, generation, handle, keys, end, items, entries, damage);
    this.files.push(file);
    await this.quarantine(file, recovered);
    if (isLast) this.current = await this.resume(file, keys, recovered, size);
    return recovered;
  }

  /** Readies a file that was written before for more: cuts its torn tail, marks it opened, makes all of it durable. */
  private async resume(
    file: LogFile,
    keys: MemoryKeys,
    recovered: RecoveredFile,
    size: number,
  ): Promise<CurrentFile> {
    // A write that was cut off may sit in the page cache only; from here on it counts as stored.
    if (recovered.badBytes > 0) await file.handle.truncate(recovered.end);
    const head = fileHead('opened');
    await file.handle.write(head, 0, head.length, 0);
    await file.handle.sync();
    return this.makeCurrent(file, keys, recovered.badBytes > 0 ? recovered.end : size);
  }

  /** Keeps a copy of a damaged file, once, before anything in it changes. */
  private async quarantine(file: LogFile, recovered: RecoveredFile): Promise<void> {
    for (const { start, end, reason } of recovered.damage) {
      this.options.onEvent({ type: 'damaged', file: file.path, offset: start, length: end - start, reason });
    }
    if (recovered.damage.length === 0 && !recovered.cutNeedsCopy) return;
    const copy = this.names.quarantine(file.number);
    if ((await this.fs.size(copy)) !== undefined) return;
    await this.fs.copyFile(file.path, copy);
    await this.fs.syncDirectory(this.names.directory);
  }

  private async openEmpty(number: number, generation: number): Promise<CurrentFile> {
    const path = this.names.file(number);
    const keys = new MemoryKeys();
    const handle = await this.fs.open(path, { write: true });
    const file = new LogFile(path, number, generation, handle, keys, FILE_HEAD, 0, 0, []);
    return this.makeCurrent(file, keys, FILE_HEAD);
  }

  private async makeCurrent(file: LogFile, keys: MemoryKeys, size: number): Promise<CurrentFile> {
    const writer = await this.fs.open(file.path, { write: true, durable: this.options.durable });
    const filler = this.options.durable ? file.handle : undefined;
    return new CurrentFile(file, keys, writer, filler, this.options.maxBytes, size);
  }

  private async finishTruncation(): Promise<void> {
    const { fs, names } = this;
    await this.createFirst();
    for (const { name } of await fs.readdir(names.directory)) {
      const number = wrapNumber(name);
      if (number !== undefined && number !== this.firstNumber) await fs.unlink(names.file(number));
    }
    await fs.syncDirectory(names.directory);
    await fs.unlink(names.truncation);
    await fs.syncDirectory(names.directory);
  }

  private async evict(file: LogFile): Promise<void> {
    this.lostItems += file.entries;
    this.options.onEvent({ type: 'evicted', items: file.entries, bytes: file.end });
    await file.release();
  }

  private indexBytes(current: number): Buffer {
    const highest = Math.max(current, ...this.files.map((file) => file.number));
    const counts = new Array<number>(highest).fill(0);
    for (const file of this.files) if (file.number !== current) counts[file.number - 1] = file.items;
    if (this.current?.file.number === current) counts[current - 1] = this.current.file.items;
    return writeIndexFile({ current, counts });
  }

  private writeIndex(current: number): Promise<void> {
    return this.replaceFile(this.names.index, this.indexBytes(current));
  }

  private async replaceFile(path: string, bytes: Buffer): Promise<void> {
    const temporary = path === this.names.index ? this.names.unfinishedIndex : this.names.unfinished;
    await this.writeFresh(temporary, bytes);
    await this.fs.rename(temporary, path);
    await this.fs.syncDirectory(this.names.directory);
  }

  /** Writes a new file whole and makes its bytes durable; its name is not, yet. */
  private async writeFresh(path: string, bytes: Buffer): Promise<void> {
    const handle: FileHandle = await this.fs.open(path, { write: true, create: true });
    try {
      for (let at = 0; at < bytes.length;) {
        const count = await handle.write(bytes, at, bytes.length - at, at);
        if (count === 0) throw Object.assign(new Error(`no room for ${path}`), { code: 'ENOSPC' });
        at += count;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** A halt log and a wrap log in one directory would each hide the other's data. */
  private async refuseOtherType(): Promise<void> {
    const { fs, names, options } = this;
    const entries = await fs.readdir(names.directory).catch(() => []);
    const hasWrap = entries.some(({ name, directory }) => !directory && wrapNumber(name) !== undefined);
    const hasHalt = entries.some(({ name, directory }) => !directory && name === 'log');
    const found = options.type === 'wrap' ? hasHalt && !hasWrap && 'halt' : hasWrap && 'wrap';
    if (!found) return;
    const remedy = `open it with log_type: ${found}, or use another directory`;
    throw new InvalidConfigError([
      `log_type: "${options.type}" is not allowed; ${names.directory} holds a ${found} log, ${remedy}`,
    ]);
  }
}

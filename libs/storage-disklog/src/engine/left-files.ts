import type { StoreEvent } from '@genrocks/storage';
import type { LogFormat } from '../format/log-format.js';
import { IndexedKeys } from '../index/indexed-keys.js';
import { type IndexFooter, type LogFacts, writeIndex } from '../index/index-file.js';
import { endsAs, tailCrc } from '../index/log-tail.js';
import type { FileSystem } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import type { KnownEnd } from './log-end.js';
import { type LeftSummary, noRecord, writeRecord, writeRecords } from './left-summary.js';
import { LogFile } from './log-file.js';
import { MemoryKeys } from './memory-keys.js';
import type { LogNames } from './names.js';
import { recoverFile, type RecoveredFile } from './recovery.js';

/**
 * Files that are no longer written, and their key indexes. An index makes opening and reading such a file cost next
 * to nothing. It is trusted only if it is sound and belongs to this very file; otherwise it is rebuilt.
 */
export class LeftFiles {
  /** How often the keys of a file were replaced by those read from the file itself. */
  repairs = 0;
  private indexing: Promise<void> = Promise.resolve();
  private readonly repairing = new Map<LogFile, Promise<void>>();

  constructor(
    private readonly fs: FileSystem,
    private readonly names: LogNames,
    private readonly format: LogFormat,
    private readonly onEvent: (event: StoreEvent) => void,
    /** False for a compact log: its segment numbers are unbounded, so it has no summary. */
    private readonly summarises: boolean,
  ) {}

  /**
   * Opens a file by its index. Undefined if the file has to be read instead.
   * @param footer of the index, if it is known without reading it
   */
  open(
    number: number,
    generation: number | undefined,
    size: number,
    footer?: IndexFooter,
  ): OpenedFile | undefined {
    // Without one of our generations in the file, nothing tells whether Erlang rewrote it after it was indexed.
    if (generation === undefined) return undefined;
    const index = this.names.keyIndex(number);
    const keys =
      footer === undefined
        ? IndexedKeys.open(this.fs, index, { generation, logEnd: size })
        : IndexedKeys.trusted(this.fs, index, footer);
    if (keys === undefined) return undefined;
    const path = this.names.file(number);
    // The summary of left files vouches for the file itself; an index does not.
    if (footer === undefined && !endsAs(this.fs, path, keys.footer)) return undefined;
    const { logEnd, items, entries } = keys.footer;
    const handle = new PooledFile(this.fs, path);
    const counts = [logEnd, items, entries] as const;
    const file = new LogFile(
      path,
      number,
      generation,
      this.format,
      handle,
      keys,
      ...counts,
      [],
      this.onEvent,
    );
    file.isOurs = true;
    return { file, footer: keys.footer };
  }

  /** Opens a file of known length by its index or, without a usable one, by reading it. */
  async openOrRead(number: number, generation: number, end: number): Promise<LogFile> {
    const opened = this.open(number, generation, end);
    if (opened !== undefined) return opened.file;
    const path = this.names.file(number);
    const handle = new PooledFile(this.fs, path);
    const { format, onEvent } = this;
    try {
      const found = await recoverFile(handle, path, end, { format, knownOurs: true });
      const { keys, items, entries, damage } = found;
      return new LogFile(
        path,
        number,
        generation,
        format,
        handle,
        keys,
        end,
        items,
        entries,
        damage,
        onEvent,
      );
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** How far the file reached when it was indexed; undefined without a sound index. */
  knownEnd(number: number): KnownEnd | undefined {
    const footer = IndexedKeys.footer(this.fs, this.names.keyIndex(number));
    if (footer === undefined) return undefined;
    const { generation, logEnd: end, lastSequence } = footer;
    return { number, generation, end, lastSequence };
  }

  /** Writes the index of a file that was read from end to end, and releases the keys in memory. */
  async rebuild(file: LogFile, recovered: RecoveredFile): Promise<void> {
    if (recovered.generation === undefined) return;
    const started = performance.now();
    await this.index(file, recovered.keys, recovered.lastSequence ?? 0);
    const ms = performance.now() - started;
    this.onEvent({ type: 'indexed', file: file.path, items: file.entries, ms });
  }

  /** Builds the index of a file that was just closed, in the background; {@link settled} waits for it. */
  schedule(file: LogFile, keys: MemoryKeys, lastSequence: number): void {
    this.indexing = this.indexing.then(() => this.index(file, keys, lastSequence));
  }

  /**
   * Runs a step that changes which files the log has, while no index is being built. An index written after its file
   * was dropped could pass for that of the next file with the same number. Writers that rotate faster than files can
   * be indexed wait here.
   */
  alone<T>(step: () => Promise<T>): Promise<T> {
    const done = this.indexing.then(step);
    this.indexing = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  /** Resolves when no index is being built. */
  settled(): Promise<void> {
    return this.indexing;
  }

  /**
   * Rebuilds the index of an open file from the file itself. Concurrent calls share one repair, which reports damage
   * once.
   * @param isOfLog false for an evicted file, whose name must not be used for the index any more
   */
  repair(file: LogFile, isOfLog: () => boolean): Promise<void> {
    const running = this.repairing.get(file);
    if (running !== undefined) return running;
    const repair = this.repairNow(file, isOfLog).finally(() => this.repairing.delete(file));
    this.repairing.set(file, repair);
    return repair;
  }

  private async repairNow(file: LogFile, isOfLog: () => boolean): Promise<void> {
    const known = { format: this.format, knownOurs: file.isOurs };
    const recovered = await recoverFile(file.handle, file.path, file.end, known);
    const damaged = file.keys;
    file.keys = recovered.keys;
    this.repairs++;
    // The damaged index knew the keys in the unreadable stretches; the rebuilt keys do not.
    file.setDamage(recovered.damage);
    await damaged.close();
    await this.alone(async () => {
      if (!isOfLog()) return;
      if (file.damage.length > 0) await this.forget(file);
      else await this.rebuild(file, recovered);
    });
  }

  /** Records what the opening found out about files that the summary did not describe. */
  keepSummary({ renewed }: LeftSummary): void {
    if (renewed.size === 0) return;
    // If this fails, the next open examines those files again.
    const written = () => writeRecords(this.fs, this.names, renewed).catch(() => undefined);
    this.indexing = this.indexing.then(written);
  }

  /** Makes the next open examine the file itself, and report its damage. */
  private async forget({ number }: LogFile): Promise<void> {
    if (!this.summarises) return;
    await writeRecords(this.fs, this.names, new Map([[number, noRecord()]])).catch(() => undefined);
  }

  private async note(file: LogFile, footer: IndexFooter): Promise<void> {
    const { number, path, end } = file;
    const stamp = this.fs.stampSync(path);
    // Names are reused: do not record another file under this number.
    if (stamp.size !== end) return;
    const record = writeRecord(number, footer, stamp);
    await writeRecords(this.fs, this.names, new Map([[number, record]]));
  }

  private async index(file: LogFile, keys: MemoryKeys, lastSequence: number): Promise<void> {
    // The index does not describe damage, so a damaged file is read whole, and reports it, on every open.
    if (file.isReleased || file.damage.length > 0) return;
    const path = this.names.keyIndex(file.number);
    const { generation, end: logEnd, items, entries } = file;
    try {
      const facts: LogFacts = {
        generation,
        logEnd,
        items,
        entries,
        lastSequence,
        tailCrc: tailCrc(this.fs, file.path, logEnd),
      };
      await writeIndex(this.fs, path, keys, facts);
      const indexed = IndexedKeys.open(this.fs, path, facts);
      if (indexed === undefined) return;
      // The file may have been released meanwhile. Scans in progress keep the keys in memory that they hold.
      if (file.isReleased) return await indexed.close();
      file.keys = indexed;
      if (this.summarises) await this.note(file, indexed.footer);
    } catch {
      // Most likely out of space. The keys stay in memory, and the next open builds the index.
    }
  }
}

export interface OpenedFile {
  readonly file: LogFile;
  readonly footer: IndexFooter;
}

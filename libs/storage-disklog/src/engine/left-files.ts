import type { StoreEvent } from '@genrocks/storage';
import type { LogFormat } from '../format/log-format.js';
import { IndexedKeys } from '../index/indexed-keys.js';
import { type IndexFooter, type LogFacts, writeIndex } from '../index/index-file.js';
import type { FileSystem } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import type { KnownEnd } from './log-end.js';
import { type LeftSummary, noRecord, writeRecord, writeRecords } from './left-summary.js';
import { LogFile } from './log-file.js';
import { MemoryKeys } from './memory-keys.js';
import type { LogNames } from './names.js';
import { recoverFile, type RecoveredFile } from './recovery.js';

/**
 * Files that are no longer written, and the key indexes beside them. An index makes opening and reading a left file
 * cost next to nothing; it is trusted only if it is sound and of this very file, and built again where it is not.
 */
export class LeftFiles {
  /** How often the keys of a file were replaced by what the file itself says. */
  repairs = 0;
  private indexing: Promise<void> = Promise.resolve();
  private readonly repairing = new Map<LogFile, Promise<void>>();

  constructor(
    private readonly fs: FileSystem,
    private readonly names: LogNames,
    private readonly format: LogFormat,
    private readonly onEvent: (event: StoreEvent) => void,
    /** A compact log's segments have numbers without end, and no summary. */
    private readonly summarises: boolean,
  ) {}

  /**
   * Opens a left file by its index. Undefined: the file has to be read.
   * @param footer of the index, where it is known without a look at it
   */
  open(
    number: number,
    generation: number | undefined,
    size: number,
    footer?: IndexFooter,
  ): OpenedFile | undefined {
    // Without a generation of ours in the file, nothing tells whether Erlang wrote it anew since it was indexed.
    if (generation === undefined) return undefined;
    const index = this.names.keyIndex(number);
    const keys =
      footer === undefined
        ? IndexedKeys.open(this.fs, index, { generation, logEnd: size })
        : IndexedKeys.trusted(this.fs, index, footer);
    if (keys === undefined) return undefined;
    const path = this.names.file(number);
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

  /** Opens a left file of known length by its index, or, where that is not to be had, by reading it. */
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

  /** How far a left file reached when it was indexed; undefined where no sound index says so. */
  knownEnd(number: number): KnownEnd | undefined {
    const footer = IndexedKeys.footer(this.fs, this.names.keyIndex(number));
    if (footer === undefined) return undefined;
    const { generation, logEnd: end, lastSequence } = footer;
    return { number, generation, end, lastSequence };
  }

  /** Writes the index of a file that was read from end to end, and lets go of the keys in memory. */
  async rebuild(file: LogFile, recovered: RecoveredFile): Promise<void> {
    if (recovered.generation === undefined) return;
    const started = performance.now();
    await this.index(file, recovered.keys, recovered.lastSequence ?? 0);
    const ms = performance.now() - started;
    this.onEvent({ type: 'indexed', file: file.path, items: file.entries, ms });
  }

  /** Builds the index of a file that was just left, in the background; {@link settled} waits for it. */
  schedule(file: LogFile, keys: MemoryKeys, lastSequence: number): void {
    this.indexing = this.indexing.then(() => this.index(file, keys, lastSequence));
  }

  /**
   * Runs a step that changes which files the log has when no index is being built, and none is meanwhile: one that came
   * after its file was gone could pass for that of the next file of its number. Writers that leave files faster than they
   * are indexed wait here.
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
   * Builds the index of an open file again, out of the file itself. All who ask for it meanwhile wait for the same repair,
   * which tells of damage once.
   * @param isOfLog an evicted file has no name to put the index under
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
    // The keys of what cannot be read are gone with the index that knew them.
    file.setDamage(recovered.damage);
    await damaged.close();
    await this.alone(async () => {
      if (!isOfLog()) return;
      if (file.damage.length > 0) await this.forget(file);
      else await this.rebuild(file, recovered);
    });
  }

  /** Records what was found out about files that no summary told of, after the opening. */
  keepSummary({ renewed }: LeftSummary): void {
    if (renewed.size === 0) return;
    // Without it the next open looks at the files again.
    const written = () => writeRecords(this.fs, this.names, renewed).catch(() => undefined);
    this.indexing = this.indexing.then(written);
  }

  /** The next open looks at the file itself, and tells of its damage. */
  private async forget({ number }: LogFile): Promise<void> {
    if (!this.summarises) return;
    await writeRecords(this.fs, this.names, new Map([[number, noRecord()]])).catch(() => undefined);
  }

  private async note(file: LogFile, footer: IndexFooter): Promise<void> {
    const { number, path, end } = file;
    const stamp = this.fs.stampSync(path);
    // The name goes to another file as soon as this one is dropped.
    if (stamp.size !== end) return;
    const record = writeRecord(number, footer, stamp);
    await writeRecords(this.fs, this.names, new Map([[number, record]]));
  }

  private async index(file: LogFile, keys: MemoryKeys, lastSequence: number): Promise<void> {
    // Damage is not in the index, so a damaged file is read whole on every open and reports it every time.
    if (file.isReleased || file.damage.length > 0) return;
    const path = this.names.keyIndex(file.number);
    const { generation, end: logEnd, items, entries } = file;
    const facts: LogFacts = { generation, logEnd, items, entries, lastSequence };
    try {
      await writeIndex(this.fs, path, keys, facts);
      const indexed = IndexedKeys.open(this.fs, path, facts);
      if (indexed === undefined) return;
      // Scans that are under way go on with the keys in memory that they hold.
      if (file.isReleased) return await indexed.close();
      file.keys = indexed;
      if (this.summarises) await this.note(file, indexed.footer);
    } catch {
      // No room, most likely. The keys stay in memory, and the next open builds the index.
    }
  }
}

export interface OpenedFile {
  readonly file: LogFile;
  readonly footer: IndexFooter;
}

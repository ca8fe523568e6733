import {
  assertBatch,
  type BatchOperation,
  type BytesLike,
  checkLimit,
  isError,
  keyToString,
  type LogEntry,
  LogFullError,
  type OpenStoreOptions,
  PartitionStore,
  type ReadLogOptions,
  type ReadOptions,
  RetentionFullError,
  type ScanOptions,
  StoreClosedError,
  type StoreEntry,
  type StoreInfo,
  TooLargeError,
  toKeyRange,
  type WriteOptions,
} from '@genrocks/storage';
import type { ResolvedSettings } from './disk-log-options.js';
import { Compactor } from './engine/compactor.js';
import { LogDirectory } from './engine/log-directory.js';
import { LogView } from './engine/log-view.js';
import { LogWriter } from './engine/log-writer.js';
import type { LogNames } from './engine/names.js';
import { entryOf, operationEntry, tombstoneOf } from './entry-writes.js';
import type { EntryWrite } from './format/entry.js';
import { FORMATS } from './format/formats.js';
import type { LogFormat } from './format/log-format.js';
import type { FileSystem } from './io/file-system.js';
import type { DirectoryLock } from './io/lock.js';
import { infoOf } from './store-info.js';

/** A batch is one item, and an item is read and checked as a whole. */
const MAX_BATCH_BYTES = 512 << 20;
/** Largest segment of a compact log: the keys of one segment are in memory. */
const MAX_SEGMENT_BYTES = 8 << 20;

export interface DiskLogStoreContext {
  readonly topic: string;
  readonly partition: number;
  readonly names: LogNames;
  readonly settings: ResolvedSettings;
  readonly logDir: string;
  readonly fs: FileSystem;
  readonly lock: DirectoryLock;
  readonly onEvent: NonNullable<OpenStoreOptions['onEvent']>;
  readonly onClose: () => void;
}

/** A partition store on a disk log. */
export class DiskLogStore extends PartitionStore {
  readonly topic: string;
  readonly partition: number;
  private readonly view: LogView;
  private readonly format: LogFormat;
  private closing: Promise<void> | undefined;
  /** The lowest key still needed: undefined before the first `retainFrom`, null if none is needed. */
  private neededFrom: string | null | undefined;

  private constructor(
    private readonly context: DiskLogStoreContext,
    private readonly log: LogDirectory,
    private readonly writer: LogWriter,
    private readonly compactor: Compactor,
  ) {
    super();
    this.view = new LogView(log, () => this.assertOpen());
    this.format = FORMATS[context.settings.format];
    this.topic = context.topic;
    this.partition = context.partition;
  }

  static async open(context: DiskLogStoreContext): Promise<DiskLogStore> {
    const { settings, names, fs, onEvent } = context;
    const isWrap = settings.logType === 'wrap';
    const format = FORMATS[settings.format];
    const maxBytes = fileBytes(settings);
    const log = await LogDirectory.open(fs, settings.logType === 'compact' ? names.asSegmented() : names, {
      type: settings.logType,
      format,
      maxBytes,
      maxFiles: isWrap ? settings.maxNoFiles : 1,
      repair: settings.repair,
      durable: settings.sync === 'always',
      base: context.logDir,
      onEvent,
    });
    // The writer needs the log, and its rotation calls the store, so the store comes last.
    let store: DiskLogStore | undefined = undefined;
    let compactor: Compactor | undefined = undefined;
    const host = {
      get current() {
        return log.current;
      },
      get isHeldUp() {
        return compactor!.isOutrun;
      },
      rotate: (lastSequence: number) => store!.rotate(lastSequence),
    };
    const writer = new LogWriter(host, log.sequence, {
      name: names.directory,
      format,
      maxBytes,
      sync: settings.sync,
      syncIntervalMs: settings.syncIntervalMs,
      rotateAt: settings.logType === 'halt' ? Infinity : maxBytes,
      onEvent: (event) => {
        onEvent(event);
        if (event.type === 'write') compactor!.wrote();
      },
    });
    compactor = new Compactor(log, writer, {
      bySelf: settings.logType === 'compact',
      segmentBytes: maxBytes,
    });
    store = new DiskLogStore(context, log, writer, compactor);
    return store;
  }

  override put(key: BytesLike, value: BytesLike, options?: WriteOptions): Promise<void> {
    try {
      return this.append([entryOf(key, value, options?.lent)]);
    } catch (error) {
      return rejected(error);
    }
  }

  override delete(key: BytesLike): Promise<void> {
    try {
      return this.append([tombstoneOf(key)]);
    } catch (error) {
      return rejected(error);
    }
  }

  batch(operations: readonly BatchOperation[], options?: WriteOptions): Promise<void> {
    try {
      this.assertOpen();
      assertBatch(operations);
      if (operations.length === 0) return Promise.resolve();
      return this.append(operations.map((operation) => operationEntry(operation, options?.lent)));
    } catch (error) {
      return rejected(error);
    }
  }

  async get(key: BytesLike, { skipDamaged = false }: ReadOptions = {}): Promise<Buffer | undefined> {
    this.assertOpen();
    return this.view.get(keyToString(key), skipDamaged);
  }

  override async exists(key: BytesLike, { skipDamaged = false }: ReadOptions = {}): Promise<boolean> {
    this.assertOpen();
    return this.view.exists(keyToString(key), skipDamaged);
  }

  async *scanPages(options: ScanOptions = {}): AsyncGenerator<StoreEntry[]> {
    this.assertOpen();
    yield* this.view.scan(toKeyRange(options), options);
  }

  async *readLogPages(options: ReadLogOptions = {}): AsyncGenerator<LogEntry[]> {
    this.assertOpen();
    const limit = checkLimit(options.limit);
    yield* this.view.readLog(limit, options.skipDamaged === true);
  }

  async info(): Promise<StoreInfo> {
    this.assertOpen();
    return infoOf(this.context, this.log, this.writer);
  }

  /**
   * Rewrites a halt or compact log so that only the newest value of each key remains. In a log of several segments, entries
   * written during the call are left out. A wrap log reclaims space by wrapping; it is read from end to end, so that rot is
   * reported before the data is needed. If the log is truncated during the call, the call compacts what follows.
   * @throws `STORE_CLOSED` if the store is closed first, `NO_SPACE`, `LOG_CORRUPT`
   */
  async optimize(): Promise<void> {
    this.assertOpen();
    if (this.context.settings.logType === 'wrap') {
      for await (const page of this.readLogPages({ skipDamaged: true })) void page;
      return;
    }
    this.refuseFailed();
    await this.compactor.all();
  }

  async sync(): Promise<void> {
    this.assertOpen();
    await this.writer.sync();
  }

  async truncate(): Promise<void> {
    this.assertOpen();
    const resume = this.compactor.pause();
    const emptied = this.writer.emptying(async () => {
      this.refuseFailed();
      // A file that a merge is still making would outlive the truncation and bring entries back.
      await this.compactor.merged();
      await this.log.truncate();
    });
    await emptied.finally(resume);
  }

  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  override retainFrom(key: BytesLike | null): void {
    this.neededFrom = key === null ? null : keyToString(key);
  }

  /** Deletes in a compact log only: in a wrap or halt log, deletions free no space but take some. */
  override async discardBefore(key: BytesLike): Promise<void> {
    this.assertOpen();
    if (this.context.settings.logType === 'compact') await this.deleteBefore(key);
  }

  private append(entries: readonly EntryWrite[]): Promise<void> {
    this.assertOpen();
    const size = this.format.itemSize(entries);
    if (size > MAX_BATCH_BYTES) throw new TooLargeError('the batch', size, MAX_BATCH_BYTES);
    const { logType, maxNoBytes } = this.context.settings;
    const end = this.writer.pendingEnd + size;
    if (logType === 'halt' && end > maxNoBytes) {
      throw new LogFullError(this.context.names.directory, end, maxNoBytes);
    }
    return this.writer.append(entries, size);
  }

  private async rotate(lastSequence: number): Promise<void> {
    const { overflow, logType, maxNoBytes } = this.context.settings;
    // The write was planned for a log emptied by a truncation, and that has failed.
    if (logType === 'halt') {
      throw new LogFullError(this.context.names.directory, this.log.current.file.end, maxNoBytes);
    }
    if (overflow === 'reject' && logType === 'wrap') {
      for (const file of this.log.nextEvicted()) {
        const highest = await this.view.highestKey(file);
        const needed =
          this.neededFrom === undefined || (this.neededFrom !== null && (highest ?? '') >= this.neededFrom);
        if (highest !== undefined && needed) throw new RetentionFullError(this.context.names.directory);
      }
    }
    await this.log.rotate(lastSequence);
    this.compactor.left();
  }

  private async closeNow(): Promise<void> {
    try {
      await this.compactor.stop();
      await this.writer.exclusive(async () => {
        this.writer.stop();
        // After a failed sync, the log must not be marked as closed.
        if (this.writer.failed === undefined) await this.log.close(this.writer.lastSequence);
        else await this.log.abandon();
      });
    } finally {
      this.context.lock.release();
      this.context.onClose();
    }
  }

  private refuseFailed(): void {
    if (this.writer.failed !== undefined) throw this.writer.failed;
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new StoreClosedError(`${this.topic}/${this.partition}`);
  }
}

/** Bytes of a file before the log rotates, or of a halt log. */
function fileBytes({ logType, maxNoBytes }: ResolvedSettings): number {
  return logType === 'compact' ? Math.min(maxNoBytes, MAX_SEGMENT_BYTES) : maxNoBytes;
}

function rejected(error: unknown): Promise<never> {
  return Promise.reject(isError(error) ? error : new Error(String(error)));
}

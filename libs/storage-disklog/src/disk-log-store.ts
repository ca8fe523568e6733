import {
  assertBatch,
  type BatchOperation,
  type BytesLike,
  checkLimit,
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
  toBuffer,
  TooLargeError,
  toKeyRange,
} from '@genrocks/storage';
import type { ResolvedSettings } from './disk-log-options.js';
import { compact, worthCompacting } from './engine/compaction.js';
import { MergedCursor } from './engine/cursor.js';
import { readPage, readValue } from './engine/entry-reader.js';
import { LogDirectory } from './engine/log-directory.js';
import type { LogFile } from './engine/log-file.js';
import { readFileLog } from './engine/log-reader.js';
import { LogWriter } from './engine/log-writer.js';
import type { Slot } from './engine/memory-keys.js';
import type { LogNames } from './engine/names.js';
import { FILE_HEAD } from './format/headers.js';
import type { EntryWrite } from './format/entry.js';
import { itemSize } from './format/item.js';
import type { FileSystem } from './io/file-system.js';
import type { DirectoryLock } from './io/lock.js';

export const MAX_KEY_BYTES = 65_535;
export const MAX_VALUE_BYTES = 128 << 20;
/** A batch is one item, and an item is checked as a whole. */
const MAX_BATCH_BYTES = 512 << 20;
const PAGE_ENTRIES = 1024;
const PAGE_BYTES = 1 << 20;

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
  private closing: Promise<void> | undefined;
  private compacting: Promise<void> | undefined;
  /** The lowest key still needed: undefined while nobody has said, null where nothing is. */
  private neededFrom: string | null | undefined;

  private constructor(
    private readonly context: DiskLogStoreContext,
    private readonly log: LogDirectory,
    private readonly writer: LogWriter,
  ) {
    super();
    this.topic = context.topic;
    this.partition = context.partition;
  }

  static async open(context: DiskLogStoreContext): Promise<DiskLogStore> {
    const { settings, names, fs, onEvent } = context;
    const isWrap = settings.logType === 'wrap';
    const log = await LogDirectory.open(fs, names, {
      type: settings.logType,
      maxBytes: settings.logType === 'compact' ? Infinity : settings.maxNoBytes,
      maxFiles: isWrap ? settings.maxNoFiles : 1,
      repair: settings.repair,
      durable: settings.sync === 'always',
      base: context.logDir,
      onEvent,
    });
    // The writer needs the log and its rotation asks the store, so the store comes last and is reached through this.
    let store: DiskLogStore | undefined = undefined;
    const host = {
      get current() {
        return log.current;
      },
      rotate: () => store!.rotate(),
    };
    const writer = new LogWriter(host, log.sequence, {
      name: names.directory,
      sync: settings.sync,
      syncIntervalMs: settings.syncIntervalMs,
      rotateAt: isWrap ? settings.maxNoBytes : Infinity,
      onEvent: (event) => {
        onEvent(event);
        if (event.type === 'write') store!.compactIfWorth();
      },
    });
    store = new DiskLogStore(context, log, writer);
    return store;
  }

  put(key: BytesLike, value: BytesLike): Promise<void> {
    try {
      return this.append([this.entryFor({ type: 'put', key, value })]);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  delete(key: BytesLike): Promise<void> {
    try {
      return this.append([this.entryFor({ type: 'delete', key })]);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  async batch(operations: readonly BatchOperation[]): Promise<void> {
    this.assertOpen();
    assertBatch(operations);
    if (operations.length === 0) return;
    await this.append(operations.map((operation: BatchOperation) => this.entryFor(operation)));
  }

  async get(key: BytesLike, options: ReadOptions = {}): Promise<Buffer | undefined> {
    const name = keyToString(key);
    const found = this.find(name, options);
    if (found === undefined) return undefined;
    found.file.hold();
    try {
      return await readValue(found.file, name, found.slot);
    } finally {
      await found.file.release();
    }
  }

  async exists(key: BytesLike, options: ReadOptions = {}): Promise<boolean> {
    return this.find(keyToString(key), options) !== undefined;
  }

  async *scanPages(options: ScanOptions = {}): AsyncGenerator<StoreEntry[]> {
    this.assertOpen();
    const range = toKeyRange(options);
    if (options.skipDamaged !== true) this.refuseDamage();
    const files = this.log.files.map((file) => file.hold());
    try {
      const cursor = new MergedCursor(files, range);
      for (let left = range.limit; left > 0;) {
        this.assertOpen();
        const found = cursor.next(Math.min(PAGE_ENTRIES, left), PAGE_BYTES);
        if (found.length === 0) return;
        left -= found.length;
        yield await readPage(found);
      }
    } finally {
      for (const file of files) await file.release();
    }
  }

  async *readLogPages(options: ReadLogOptions = {}): AsyncGenerator<LogEntry[]> {
    this.assertOpen();
    let left = checkLimit(options.limit);
    const files = this.log.files.map((file) => file.hold());
    try {
      for (const file of files) {
        for await (const page of readFileLog(file, options.skipDamaged === true)) {
          this.assertOpen();
          if (left <= 0) return;
          yield page.length > left ? page.slice(0, left) : page;
          left -= page.length;
        }
      }
    } finally {
      for (const file of files) await file.release();
    }
  }

  async info(): Promise<StoreInfo> {
    this.assertOpen();
    const { files, recovery, lostItems } = this.log;
    const { settings } = this.context;
    const sum = (of: (file: LogFile) => number) => files.reduce((total, file) => total + of(file), 0);
    return {
      adapter: 'disk_log',
      topic: this.topic,
      partition: this.partition,
      durable: settings.sync === 'always',
      items: sum((file) => file.entries),
      bytes: sum((file) => file.end),
      lostItems,
      details: {
        directory: this.context.names.directory,
        log_type: settings.logType,
        sync: settings.sync,
        files: files.length,
        log_items: sum((file) => file.items),
        current_file: this.log.current.file.number,
        damaged_ranges: files.flatMap((file) => file.damage),
        last_recovery: recovery,
        failed: this.writer.failed?.message ?? null,
      },
    };
  }

  /** Rewrites a halt or compact log so that only the newest value of every key is left; a wrap log reclaims by wrapping. */
  async optimize(): Promise<void> {
    this.assertOpen();
    if (this.context.settings.logType !== 'wrap') await this.compact();
  }

  async sync(): Promise<void> {
    this.assertOpen();
    await this.writer.sync();
  }

  async truncate(): Promise<void> {
    this.assertOpen();
    if (this.writer.failed !== undefined) throw this.writer.failed;
    await this.writer.exclusive(() => this.log.truncate());
  }

  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  override retainFrom(key: BytesLike | null): void {
    this.neededFrom = key === null ? null : keyToString(key);
  }

  private append(entries: readonly EntryWrite[]): Promise<void> {
    this.assertOpen();
    const size = itemSize(entries);
    if (size > MAX_BATCH_BYTES) throw new TooLargeError('the batch', size, MAX_BATCH_BYTES);
    const { logType, maxNoBytes } = this.context.settings;
    const end = this.writer.pendingEnd + size;
    if (logType === 'halt' && end > maxNoBytes) {
      throw new LogFullError(this.context.names.directory, end, maxNoBytes);
    }
    return this.writer.append(entries, size);
  }

  private entryFor(operation: BatchOperation): EntryWrite {
    const key = toBuffer(operation.key, 'key');
    if (key.length > MAX_KEY_BYTES) throw new TooLargeError('the key', key.length, MAX_KEY_BYTES);
    if (operation.type === 'delete') return { key, value: undefined };
    const value = toBuffer(operation.value, 'value');
    if (value.length > MAX_VALUE_BYTES) throw new TooLargeError('the value', value.length, MAX_VALUE_BYTES);
    return { key, value };
  }

  /** A key's newest entry. Fails where damage may hide a newer one. */
  private find(key: string, options: ReadOptions): { file: LogFile; slot: Slot } | undefined {
    this.assertOpen();
    const { files } = this.log;
    for (let i = files.length - 1; i >= 0; i--) {
      const file = files[i]!;
      const slot = file.keys.get(key);
      if (options.skipDamaged !== true) this.refuseDamage([file], slot?.at);
      if (slot !== undefined) return slot.deleted ? undefined : { file, slot };
    }
    return undefined;
  }

  private refuseDamage(files: readonly LogFile[] = this.log.files, from = FILE_HEAD): void {
    for (const file of files) {
      const damage = file.damage.find(({ start }) => start >= from);
      if (damage !== undefined) throw file.corrupt(damage.start, damage.end - damage.start, damage.reason);
    }
  }

  private async rotate(): Promise<void> {
    const { overflow } = this.context.settings;
    if (overflow === 'reject') {
      for (const file of this.log.nextEvicted()) {
        const highest = file.keys.page('', undefined, true, 1)[0]?.[0];
        const needed =
          this.neededFrom === undefined || (this.neededFrom !== null && (highest ?? '') >= this.neededFrom);
        if (highest !== undefined && needed) throw new RetentionFullError(this.context.names.directory);
      }
    }
    await this.log.rotate();
  }

  private compactIfWorth(): void {
    if (
      this.context.settings.logType !== 'compact' ||
      this.compacting !== undefined ||
      this.closing !== undefined
    )
      return;
    if (worthCompacting(this.log.current.file)) this.compact().catch(() => undefined);
  }

  private compact(): Promise<void> {
    this.compacting ??= compact(this.context.fs, this.log, this.writer).finally(
      () => (this.compacting = undefined),
    );
    return this.compacting;
  }

  private async closeNow(): Promise<void> {
    try {
      await this.compacting?.catch(() => undefined);
      await this.writer.exclusive(async () => {
        this.writer.stop();
        // After a failed sync nothing may claim that the log was closed in order.
        if (this.writer.failed === undefined) await this.log.close();
        else await this.log.abandon();
      });
    } finally {
      this.context.lock.release();
      this.context.onClose();
    }
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new StoreClosedError(`${this.topic}/${this.partition}`);
  }
}

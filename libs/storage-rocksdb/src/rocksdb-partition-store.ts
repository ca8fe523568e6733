import {
  assertBatch,
  type BatchOperation,
  type BytesLike,
  checkLimit,
  keyToString,
  type LogEntry,
  PartitionStore,
  type ReadLogOptions,
  type ScanOptions,
  StoreClosedError,
  type StoreEntry,
  type StoreInfo,
  toBuffer,
  toKeyRange,
  withinBytes,
} from '@genrocks/storage';
import type { Task } from './database/committer.js';
import type { Database } from './database/database.js';
import type { EntryWrite } from './database/plan.js';
import { newRecord, valueOf } from './database/record.js';
import type { StoreState } from './database/store-state.js';
import { readLog, scan } from './store-reader.js';

export const MAX_KEY_BYTES = 64 * 1024;
export const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/** Properties of the whole database, shared by all stores, that `info` returns. */
const PROPERTIES = [
  'total-sst-files-size',
  'live-sst-files-size',
  'cur-size-all-mem-tables',
  'estimate-num-keys',
  'estimate-pending-compaction-bytes',
  'num-running-compactions',
  'num-running-flushes',
  'background-errors',
  'block-cache-usage',
];

/** An open store. Created by `RocksDbStorageAdapter.open`. */
export class RocksDbPartitionStore extends PartitionStore {
  private closing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly state: StoreState,
    private readonly onClose: () => void,
  ) {
    super();
  }

  get topic(): string {
    return this.state.id.topic;
  }

  get partition(): number {
    return this.state.id.partition;
  }

  override async put(key: BytesLike, value: BytesLike): Promise<void> {
    this.assertOpen();
    await this.write([toPut(key, value)]);
  }

  async get(key: BytesLike): Promise<Buffer | undefined> {
    this.assertOpen();
    const record = await this.read(keyToString(key));
    return record === null ? undefined : valueOf(record, this.state.name);
  }

  override async delete(key: BytesLike): Promise<void> {
    this.assertOpen();
    await this.write([toDelete(key)]);
  }

  override async exists(key: BytesLike): Promise<boolean> {
    this.assertOpen();
    return (await this.read(keyToString(key))) !== null;
  }

  async batch(operations: readonly BatchOperation[]): Promise<void> {
    this.assertOpen();
    assertBatch(operations);
    const writes = operations.map(toWrite);
    if (writes.length > 0) await this.write(writes);
  }

  async *scanPages(options?: ScanOptions): AsyncGenerator<StoreEntry[]> {
    this.assertOpen();
    const range = toKeyRange(options);
    yield* withinBytes(
      scan(this.database, this.state, range, () => this.assertOpen()),
      range.maxBytes,
    );
  }

  async *readLogPages(options: ReadLogOptions = {}): AsyncGenerator<LogEntry[]> {
    this.assertOpen();
    yield* readLog(this.database, this.state, checkLimit(options.limit), () => this.assertOpen());
  }

  async info(): Promise<StoreInfo> {
    this.assertOpen();
    const { counters, sync, numberInCatalogue } = this.state;
    const { path, writeBufferSize, compression } = this.database.options;
    const [approximateBytes, rocksdb] = await Promise.all([
      this.database.sizeOf(this.state),
      this.database.properties(PROPERTIES),
    ]);
    return {
      adapter: 'rocksdb',
      topic: this.topic,
      partition: this.partition,
      durable: sync === 'always',
      items: counters.items,
      bytes: counters.bytes,
      lostItems: 0,
      details: {
        path,
        store: numberInCatalogue,
        sync,
        writeBufferSize,
        compression,
        approximateBytes,
        rocksdb,
      },
    };
  }

  /** Writes the memory of the database to table files, and compacts the files that hold this store. */
  async optimize(): Promise<void> {
    this.assertOpen();
    await this.database.compact(this.state);
  }

  override discardBefore(key: BytesLike): Promise<void> {
    return this.deleteBefore(key);
  }

  async sync(): Promise<void> {
    this.assertOpen();
    await this.submit({ type: 'barrier', state: this.state }, true);
  }

  async truncate(): Promise<void> {
    this.assertOpen();
    await this.submit({ type: 'truncate', state: this.state });
  }

  close(): Promise<void> {
    this.closing ??= this.release();
    return this.closing;
  }

  private async release(): Promise<void> {
    // The barrier comes after every write of this store. Their failures are reported to the writers, not here.
    await this.database.committer
      .submit({ type: 'barrier', state: this.state }, false)
      .catch(() => undefined);
    this.onClose();
  }

  private write(writes: readonly EntryWrite[]): Promise<void> {
    return this.submit({ type: 'write', state: this.state, writes });
  }

  private submit(task: Task, sync = this.state.sync === 'always'): Promise<void> {
    return this.database.committer.submit(task, sync);
  }

  private async read(key: string): Promise<Buffer | null> {
    const [record] = await this.database.get([this.state.keys.entry(key)]);
    await this.database.committer.settled(this.state, key);
    return record!;
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new StoreClosedError(this.state.name);
  }
}

function toWrite(operation: BatchOperation): EntryWrite {
  if (operation.type === 'delete') return toDelete(operation.key);
  return toPut(operation.key, operation.value);
}

function toDelete(key: BytesLike): EntryWrite {
  return { key: keyToString(key, MAX_KEY_BYTES) };
}

function toPut(key: BytesLike, value: BytesLike): EntryWrite {
  const name = keyToString(key, MAX_KEY_BYTES);
  return { key: name, record: newRecord(toBuffer(value, 'value', MAX_VALUE_BYTES)) };
}

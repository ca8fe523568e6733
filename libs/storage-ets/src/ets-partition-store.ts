import {
  assertBatch,
  type BatchOperation,
  type BytesLike,
  checkLimit,
  keyFromString,
  type KeyRange,
  keyToString,
  type LogEntry,
  PartitionStore,
  type ReadLogOptions,
  type ScanOptions,
  StoreClosedError,
  type StoreEntry,
  type StoreEvent,
  type StoreInfo,
  toBuffer,
  toKeyRange,
  withinBytes,
} from '@genrocks/storage';
import type { EtsTable, TableWrite } from './ets-table.js';
import type { LogCursor } from './log-cursor.js';
import { read, store } from './stored-bytes.js';

export const MAX_KEY_BYTES = 1024 * 1024;
export const MAX_VALUE_BYTES = 256 * 1024 * 1024;

/** A page ends after so many entries or bytes; it has at least one entry. */
const PAGE_ENTRIES = 512;
const PAGE_BYTES = 1024 * 1024;

/** An open store: a handle on a table that outlives it. Created by `EtsStorageAdapter.open`. */
export class EtsPartitionStore extends PartitionStore {
  private closed = false;

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly table: EtsTable,
    private readonly onClose: () => void,
    private readonly onEvent?: (event: StoreEvent) => void,
  ) {
    super();
  }

  override async put(key: BytesLike, value: BytesLike): Promise<void> {
    this.assertOpen();
    this.write([toPut(key, value)]);
  }

  async get(key: BytesLike): Promise<Buffer | undefined> {
    this.assertOpen();
    const value = this.table.get(keyToString(key));
    return value === undefined ? undefined : read(value);
  }

  override async delete(key: BytesLike): Promise<void> {
    this.assertOpen();
    this.write([toDelete(key)]);
  }

  override async exists(key: BytesLike): Promise<boolean> {
    this.assertOpen();
    return this.table.has(keyToString(key));
  }

  async batch(operations: readonly BatchOperation[]): Promise<void> {
    this.assertOpen();
    assertBatch(operations);
    const writes = operations.map(toWrite);
    if (writes.length > 0) this.write(writes);
  }

  async *scanPages(options?: ScanOptions): AsyncGenerator<StoreEntry[]> {
    this.assertOpen();
    const range = toKeyRange(options);
    yield* withinBytes(this.readScan(range), range.maxBytes);
  }

  async *readLogPages(options: ReadLogOptions = {}): AsyncGenerator<LogEntry[]> {
    this.assertOpen();
    let left = checkLimit(options.limit);
    const log = this.table.log();
    while (left > 0) {
      const page = readLogPage(log, Math.min(left, PAGE_ENTRIES));
      if (page.length === 0) return;
      left -= page.length;
      if (left === 0) log.end();
      else log.unpin();
      yield page;
      this.assertOpen();
    }
  }

  async info(): Promise<StoreInfo> {
    this.assertOpen();
    const { size, memory, maxBytes } = this.table;
    return {
      adapter: 'ets',
      topic: this.topic,
      partition: this.partition,
      durable: false,
      items: size,
      bytes: memory,
      lostItems: 0,
      details: { type: 'set', size, memory, maxBytes: maxBytes === Infinity ? null : maxBytes },
    };
  }

  /** Packs the index of keys after many deletions. Nothing else in memory needs it. */
  async optimize(): Promise<void> {
    this.assertOpen();
    this.table.compact();
  }

  override async discardBefore(key: BytesLike): Promise<void> {
    await this.deleteBefore(key);
    await this.optimize();
  }

  /** Resolves at once: there is no stable storage to wait for. */
  async sync(): Promise<void> {
    this.assertOpen();
  }

  async truncate(): Promise<void> {
    this.assertOpen();
    this.table.clear();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.onClose();
  }

  private write(writes: readonly TableWrite[]): void {
    if (this.onEvent === undefined) return this.table.write(writes);
    const start = performance.now();
    this.table.write(writes);
    const ms = performance.now() - start;
    const bytes = writes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
    this.onEvent({ type: 'write', items: writes.length, bytes, ms });
  }

  private async *readScan(range: KeyRange): AsyncGenerator<StoreEntry[]> {
    for (const records of this.table.scan(range, PAGE_ENTRIES)) {
      let page: StoreEntry[] = [];
      let bytes = 0;
      for (const [key, { value }] of records) {
        page.push({ key: keyFromString(key), value: read(value) });
        bytes += key.length + value.length;
        if (bytes < PAGE_BYTES) continue;
        yield page;
        this.assertOpen();
        page = [];
        bytes = 0;
      }
      if (page.length === 0) continue;
      yield page;
      this.assertOpen();
    }
  }

  private assertOpen(): void {
    if (this.closed) throw new StoreClosedError(`store ${this.topic}/${this.partition}`);
  }
}

function readLogPage(log: LogCursor, max: number): LogEntry[] {
  const page: LogEntry[] = [];
  let bytes = 0;
  while (page.length < max && bytes < PAGE_BYTES) {
    const next = log.next();
    if (next === undefined) break;
    const [key, { value, timestamp }] = next;
    page.push({ type: 'put', key: keyFromString(key), value: read(value), timestamp });
    bytes += key.length + value.length;
  }
  return page;
}

function toWrite(operation: BatchOperation): TableWrite {
  if (operation.type === 'delete') return toDelete(operation.key);
  return toPut(operation.key, operation.value);
}

function toDelete(key: BytesLike): TableWrite {
  return { key: keyToString(key, MAX_KEY_BYTES) };
}

function toPut(key: BytesLike, value: BytesLike): TableWrite {
  return { key: keyToString(key, MAX_KEY_BYTES), value: store(toBuffer(value, 'value', MAX_VALUE_BYTES)) };
}

// An adapter as a third party would write it from the README, using only public API: everything is in one sorted array,
// and the next adapter gets the arrays, which stands for persistence.
import {
  assertBatch,
  type BatchOperation,
  type BytesLike,
  checkLimit,
  ExclusiveStorageAdapter,
  InvalidConfigError,
  type LogEntry,
  type OpenStoreOptions,
  PartitionStore,
  type ReadLogOptions,
  type ScanOptions,
  StoreClosedError,
  type StoreEntry,
  type StoreId,
  type StoreInfo,
  toBuffer,
  withinBytes,
} from '../index.js';

const MAX_KEY_BYTES = 4096;
const MAX_VALUE_BYTES = 2 * 1024 * 1024;
const PAGE_ENTRIES = 100;

export interface ArrayTable {
  readonly id: StoreId;
  /** Sorted by key. */
  entries: StoreEntry[];
  log: LogEntry[];
}

export class ArrayStore extends PartitionStore {
  private closed = false;

  constructor(
    private readonly table: ArrayTable,
    private readonly onClose: () => void,
  ) {
    super();
  }

  get topic(): string {
    return this.table.id.topic;
  }

  get partition(): number {
    return this.table.id.partition;
  }

  async batch(operations: readonly BatchOperation[]): Promise<void> {
    this.check();
    assertBatch(operations);
    const entries = operations.map(toLogEntry);
    for (const entry of entries) this.apply(entry);
    await Promise.resolve();
  }

  async get(key: BytesLike): Promise<Buffer | undefined> {
    this.check();
    const bytes = toBuffer(key, 'key');
    const { found, at } = this.find(bytes);
    return found ? Buffer.from(this.table.entries[at]!.value) : undefined;
  }

  async *scanPages(options: ScanOptions = {}): AsyncIterable<StoreEntry[]> {
    yield* withinBytes(this.pages(options), checkLimit(options.maxBytes, 'maxBytes'));
  }

  private async *pages(options: ScanOptions): AsyncIterable<StoreEntry[]> {
    this.check();
    let matching = this.table.entries.filter(matcher(options));
    if (options.reverse) matching.reverse();
    matching = matching.slice(0, checkLimit(options.limit));
    for (let at = 0; at < matching.length; at += PAGE_ENTRIES) {
      this.check();
      const page = matching.slice(at, at + PAGE_ENTRIES);
      yield page.map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) }));
    }
  }

  async *readLogPages(options: ReadLogOptions = {}): AsyncIterable<LogEntry[]> {
    this.check();
    const log = this.table.log.slice(0, checkLimit(options.limit));
    for (let at = 0; at < log.length; at += PAGE_ENTRIES) {
      this.check();
      yield log.slice(at, at + PAGE_ENTRIES).map(copyLogEntry);
    }
  }

  async info(): Promise<StoreInfo> {
    this.check();
    return {
      adapter: 'array',
      topic: this.topic,
      partition: this.partition,
      durable: false,
      items: this.table.log.length,
      bytes: this.table.entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0),
      lostItems: 0,
      details: {},
    };
  }

  async optimize(): Promise<void> {
    this.check();
  }

  async sync(): Promise<void> {
    this.check();
  }

  async truncate(): Promise<void> {
    this.check();
    this.table.entries = [];
    this.table.log = [];
  }

  async close(): Promise<void> {
    if (!this.closed) this.onClose();
    this.closed = true;
  }

  private apply(entry: LogEntry): void {
    const { entries } = this.table;
    const { found, at } = this.find(entry.key);
    if (entry.type === 'put') entries.splice(at, found ? 1 : 0, entry);
    else if (found) entries.splice(at, 1);
    this.table.log.push(entry);
  }

  private find(key: Buffer): { found: boolean; at: number } {
    const { entries } = this.table;
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (entries[middle]!.key.compare(key) < 0) low = middle + 1;
      else high = middle;
    }
    return { found: entries[low]?.key.equals(key) ?? false, at: low };
  }

  private check(): void {
    if (this.closed) throw new StoreClosedError(`store ${this.topic}/${this.partition}`);
  }
}

export class ArrayAdapter extends ExclusiveStorageAdapter {
  readonly name = 'array';
  readonly supports = {
    durable: false,
    persistent: true,
    log: 'history',
    bounded: false,
    maxKeyBytes: MAX_KEY_BYTES,
    maxValueBytes: MAX_VALUE_BYTES,
  } as const;

  /** The tables outlive the adapter; pass them to the next one. */
  constructor(readonly tables: ArrayTable[] = []) {
    super();
  }

  validateSettings(settings: Readonly<Record<string, unknown>>): void {
    const problems = Object.keys(settings).map((name) => `array.${name}: unknown option`);
    if (problems.length > 0) throw new InvalidConfigError(problems);
  }

  protected async openStore(
    id: StoreId,
    _options: OpenStoreOptions,
    onClose: () => void,
  ): Promise<ArrayStore> {
    let table = this.find(id);
    if (table === undefined) this.tables.push((table = { id, entries: [], log: [] }));
    return new ArrayStore(table, onClose);
  }

  protected async listStores(): Promise<StoreId[]> {
    return this.tables.map(({ id }) => id);
  }

  protected async destroyStore(id: StoreId): Promise<void> {
    const table = this.find(id);
    if (table !== undefined) this.tables.splice(this.tables.indexOf(table), 1);
  }

  private find({ topic, partition }: StoreId): ArrayTable | undefined {
    return this.tables.find(({ id }) => id.topic === topic && id.partition === partition);
  }
}

function toLogEntry(operation: BatchOperation): LogEntry {
  const timestamp = Date.now();
  const key = Buffer.from(toBuffer(operation.key, 'key', MAX_KEY_BYTES));
  if (operation.type === 'delete') return { type: 'delete', key, timestamp };
  const value = Buffer.from(toBuffer(operation.value, 'value', MAX_VALUE_BYTES));
  return { type: 'put', key, value, timestamp };
}

function copyLogEntry(entry: LogEntry): LogEntry {
  const key = Buffer.from(entry.key);
  return entry.type === 'put' ? { ...entry, key, value: Buffer.from(entry.value) } : { ...entry, key };
}

function matcher({ gt, gte, lt, lte, prefix }: ScanOptions): (entry: StoreEntry) => boolean {
  const compare = (bound: BytesLike | undefined, holds: (order: number) => boolean) => {
    if (bound === undefined) return () => true;
    const bytes = Buffer.from(toBuffer(bound, 'bound'));
    return (key: Buffer) => holds(key.compare(bytes));
  };
  const start = Buffer.from(toBuffer(prefix ?? '', 'prefix'));
  const conditions = [
    compare(gt, (order) => order > 0),
    compare(gte, (order) => order >= 0),
    compare(lt, (order) => order < 0),
    compare(lte, (order) => order <= 0),
    (key: Buffer) => key.subarray(0, start.length).equals(start),
  ];
  return ({ key }) => conditions.every((holds) => holds(key));
}

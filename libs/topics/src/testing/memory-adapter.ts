import {
  type BatchOperation,
  type BytesLike,
  keyFromString,
  type KeyRange,
  keyToString,
  type LogEntry,
  type OpenStoreOptions,
  PartitionStore,
  type ReadLogOptions,
  type ScanOptions,
  SortedKeyMap,
  StorageAdapter,
  StoreClosedError,
  type StoreEntry,
  type StoreId,
  type StoreInfo,
  toBuffer,
  toKeyRange,
  withinBytes,
} from '@genrocks/storage';
import { STANDS_IN } from '../topics.tokens.js';

/** The stored data, which outlives an adapter as a disk does: pass it to the next adapter to simulate a restart. @publicApi */
export type MemoryDisk = Map<string, SortedKeyMap<Buffer>>;

/** Called before every write. It may throw, or delay the write until its promise resolves. @publicApi */
export type WriteHook = (topic: string, partition: number, operations: readonly BatchOperation[]) => unknown;

/**
 * An adapter in memory, whose writes a test can watch, delay and fail with `onWrite`. It can replace any adapter: it accepts
 * the settings of all adapters, and keeps topics that name an adapter which is not plugged in.
 *
 * @publicApi
 */
export class MemoryAdapter extends StorageAdapter {
  readonly name: string = 'memory';
  /** @internal */
  readonly [STANDS_IN]: boolean = true;
  readonly supports = {
    durable: true,
    persistent: true,
    log: 'latest',
    bounded: false,
    maxKeyBytes: 1024,
    maxValueBytes: 16 * 1024 * 1024,
  } as const;
  /** The store opened last for each partition, by `topic:partition`. */
  readonly opened = new Map<string, MemoryStore>();
  /** Called before each write is stored. It may throw, or return a promise to wait for. */
  onWrite: WriteHook = () => {};
  /** Called before each sync resolves. A power cut leaves at least what the store held at the last sync. */
  onSync: (topic: string, partition: number) => unknown = () => {};
  /** Number of writes so far. */
  writes = 0;
  /** Number of reads so far. */
  reads = 0;
  /** True after `close`, which also closes the stores. */
  closed = false;

  constructor(readonly disk: MemoryDisk = new Map()) {
    super();
  }

  async open(topic: string, partition: number, options: OpenStoreOptions = {}): Promise<PartitionStore> {
    const id = `${topic}:${partition}`;
    let data = this.disk.get(id);
    if (data === undefined) this.disk.set(id, (data = new SortedKeyMap()));
    const store = new MemoryStore(topic, partition, data, this, options);
    this.opened.set(id, store);
    return store;
  }

  async list(): Promise<StoreId[]> {
    return [...this.disk.keys()].map((id) => {
      const at = id.lastIndexOf(':');
      return { topic: id.slice(0, at), partition: Number(id.slice(at + 1)) };
    });
  }

  async destroy(topic: string, partition: number): Promise<void> {
    this.disk.delete(`${topic}:${partition}`);
  }

  validateSettings(): void {}

  async close(): Promise<void> {
    this.closed = true;
    for (const store of this.opened.values()) await store.close();
  }
}

/** @internal */
export class MemoryStore extends PartitionStore {
  closed = false;
  retained: BytesLike | null | undefined;

  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly data: SortedKeyMap<Buffer>,
    private readonly adapter: MemoryAdapter,
    private readonly options: OpenStoreOptions,
  ) {
    super();
  }

  async batch(operations: readonly BatchOperation[]): Promise<void> {
    if (this.closed) throw new StoreClosedError(this.topic);
    const own = operations.map((operation) =>
      operation.type === 'put'
        ? ({
            type: 'put',
            key: keyToString(operation.key),
            value: Buffer.from(toBuffer(operation.value)),
          } as const)
        : ({ type: 'delete', key: keyToString(operation.key) } as const),
    );
    this.adapter.writes++;
    await this.adapter.onWrite(this.topic, this.partition, operations);
    for (const operation of own) {
      if (operation.type === 'put') this.data.set(operation.key, operation.value);
      else this.data.delete(operation.key);
    }
  }

  /** Drops the oldest entries, as retention does. */
  evict(items: number): void {
    for (const [key] of this.data.page('', undefined, false, items)) this.data.delete(key);
    this.options.onEvent?.({ type: 'evicted', items, bytes: 0 });
  }

  async get(key: BytesLike): Promise<Buffer | undefined> {
    return this.data.get(keyToString(key));
  }

  async *scanPages(options?: ScanOptions): AsyncIterable<StoreEntry[]> {
    const range = toKeyRange(options);
    yield* withinBytes(this.pages(range), range.maxBytes);
  }

  private async *pages(range: KeyRange): AsyncIterable<StoreEntry[]> {
    if (this.closed) throw new StoreClosedError(this.topic);
    this.adapter.reads++;
    const page = this.data.page(range.lower, range.upper, range.reverse, range.limit);
    for (let at = 0; at < page.length; at += 3) {
      yield page
        .slice(at, at + 3)
        .map(([key, value]) => ({ key: keyFromString(key), value: Buffer.from(value) }));
    }
  }

  async *readLogPages(_options?: ReadLogOptions): AsyncIterable<LogEntry[]> {
    for await (const page of this.scanPages()) {
      yield page.map((entry) => ({ type: 'put', ...entry, timestamp: 0 }) as const);
    }
  }

  async info(): Promise<StoreInfo> {
    const { topic, partition, data } = this;
    return {
      adapter: this.adapter.name,
      topic,
      partition,
      durable: true,
      items: data.size,
      bytes: 0,
      lostItems: 0,
      details: {},
    };
  }

  async optimize(): Promise<void> {}
  async sync(): Promise<void> {
    await this.adapter.onSync(this.topic, this.partition);
  }

  async truncate(): Promise<void> {
    this.data.clear();
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  override retainFrom(key: BytesLike | null): void {
    this.retained = key;
  }
}

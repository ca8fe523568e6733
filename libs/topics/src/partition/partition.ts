import type { LogEntry, PartitionStore, ReadLogOptions } from '@genrocks/storage';
import type { Message } from '../message.js';
import type { RecordInput } from '../records/batch-writer.js';
import { CheckedCodec } from '../schema/checked-codec.js';
import type { PartitionInfo } from '../topic.types.js';
import { BatchFetch } from './batch-fetch.js';
import { DataWaiters } from './data-waiters.js';
import { LogBounds } from './log-bounds.js';
import { MessageDecoder } from './message-decoder.js';
import type { AppendOptions, AppendResult } from './append.types.js';
import type { GroupCompletion } from './appender.types.js';
import { PartitionLife } from './partition-life.js';
import type { LogFloor, PartitionEnvironment, PartitionOwner } from './partition.types.js';
import { PartitionReader } from './partition-reader.js';
import { PartitionWriter } from './partition-writer.js';
import type {
  OffsetForTimestamp,
  PartitionDescription,
  PartitionState,
  ReadBatchesOptions,
  ReadBatchesResult,
  ReadMessagesOptions,
  ReadMessagesResult,
  WaitOptions,
} from './read.types.js';
import type { CachedTail } from './tail-cache.js';
import { TimeOrder } from './time-order.js';
import { searchTime } from './time-search.js';

const DEFAULT_LIMIT = 1000;
const NOTHING_READ = { cacheHits: 0, cacheMisses: 0 };

/**
 * One partition: an ordered log of messages with offsets that only ever grow.
 *
 * @publicApi
 */
export class Partition {
  private readonly life: PartitionLife;
  private readonly bounds: LogBounds;
  private readonly times: TimeOrder;
  private readonly tail: CachedTail;
  /** @internal */
  readonly decoder: MessageDecoder;
  private readonly waiters = new DataWaiters();
  private readonly writer: PartitionWriter;
  private readonly fetch: BatchFetch;

  /** @internal */
  constructor(
    private readonly owner: PartitionOwner,
    readonly index: number,
    environment: PartitionEnvironment,
  ) {
    this.tail = environment.cache.tail();
    this.life = new PartitionLife(owner.name, index);
    this.bounds = new LogBounds(owner, index, this.life, this.tail);
    this.times = new TimeOrder((disorder) => owner.saveDisorder(index, disorder));
    const { life, bounds, tail, waiters, times } = this;
    this.fetch = new BatchFetch(life, bounds, waiters);
    this.writer = new PartitionWriter(owner, index, environment, { life, bounds, tail, waiters, times });
    this.decoder = new MessageDecoder(owner.name, index, owner.codec);
  }

  /** Whether values are checked against a schema when they are decoded. @internal */
  get checksValues(): boolean {
    return this.owner.codec instanceof CheckedCodec;
  }

  /** Name of the topic. */
  get topic(): string {
    return this.owner.name;
  }

  /** State of the partition. `failed`: its store could not be opened; `describe().error` says why. */
  get state(): PartitionState {
    return this.life.state;
  }

  /** The lowest offset that can be read. */
  get startOffset(): number {
    return this.bounds.start;
  }

  /** The offset after the last stored record, which the next one will get. */
  get endOffset(): number {
    return this.bounds.end;
  }

  /**
   * Where the log ended when it was opened. Offsets from here on may have been used before for records that
   * are lost: in a power cut, with the memory they were in, or because this is an older copy of the log.
   * @internal
   */
  get lostFrom(): number {
    return this.bounds.lostFrom;
  }

  /** Number of group writes started so far. @internal */
  get writes(): number {
    return this.life.log?.appender.writes ?? 0;
  }

  /** True while a write is in progress or about to start. @internal */
  get isWriting(): boolean {
    return this.life.log?.appender.isWriting ?? false;
  }

  /**
   * Attaches the store and finds where the log ends.
   * @param floor what is known of the log from elsewhere
   * @internal
   */
  async open(store: PartitionStore, floor: LogFloor): Promise<void> {
    const reader = new PartitionReader(store, this.tail);
    const last = await this.bounds.find(reader, floor.logStart, floor.nextOffset);
    await this.times.begin(floor.disorder, last?.maxTimestamp);
    this.life.begin({ store, appender: this.writer.appenderFor(store), reader });
  }

  /** @internal */
  fail(error: unknown): void {
    this.life.fail(error);
  }

  /** Called when retention has dropped the oldest batches. @internal */
  onEvicted(): void {
    this.bounds.onEvicted();
  }

  /** Queues records, which are packed together with others that wait. @internal */
  publish(records: readonly RecordInput[], completion: GroupCompletion): void {
    this.writer.publish(records, completion);
  }

  /**
   * Appends a record batch (version 2) as its producer packed it: only the base offset is set, everything
   * else is stored unchanged. The bytes are copied unless `lent` is set.
   * @throws `CORRUPT_BATCH`, `MESSAGE_TOO_LARGE`, `INVALID_MESSAGE` for a control batch, `BACKPRESSURE`,
   *   `TOPIC_STOPPED`, `PARTITION_UNAVAILABLE`, or the store's error
   */
  append(batch: Uint8Array, options: AppendOptions = {}): Promise<AppendResult> {
    return this.writer.append(batch, options);
  }

  /**
   * Reads record batches as bytes, starting with the one that contains `offset`.
   * @throws `OFFSET_OUT_OF_RANGE`, `CORRUPT_BATCH`, `TOPIC_STOPPED`, `PARTITION_UNAVAILABLE`, or the store's
   *   error
   */
  readBatches(options: ReadBatchesOptions): Promise<ReadBatchesResult> {
    return this.fetch.read(options);
  }

  /**
   * Copies of the batches {@link readBatches} would return, if they are cached; undefined otherwise.
   * @internal
   */
  cachedBatches(offset: number, maxBytes: number): Buffer[] | undefined {
    return this.fetch.cached(offset, maxBytes);
  }

  /**
   * Reads messages from `offset` on.
   * @throws `OFFSET_OUT_OF_RANGE`, `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION`, `TOPIC_STOPPED`,
   *   `PARTITION_UNAVAILABLE`, or the store's error
   */
  async readMessages<T = unknown>(options: ReadMessagesOptions): Promise<ReadMessagesResult<T>> {
    const { offset, limit = DEFAULT_LIMIT } = options;
    const { batches, nextOffset, endOffset, startOffset } = await this.readBatches(options);
    const messages: Message<T>[] = [];
    for (const batch of batches) {
      const next = this.decoder.decode(batch, offset, limit, messages);
      if (next !== undefined) return { messages, nextOffset: next, endOffset, startOffset };
    }
    return { messages, nextOffset, endOffset, startOffset };
  }

  /** Reads batches from the end back to the one that contains `offset`. Skips damaged batches. @internal */
  readBackTo(offset: number): AsyncIterable<Buffer> {
    return this.life.opened().reader.backTo(offset);
  }

  /** The unreadable bytes at `offset`, and the offset after them. @internal */
  unreadableAt(offset: number): Promise<{ bytes: Buffer | null; nextOffset: number }> {
    return this.life.opened().reader.raw(offset, this.endOffset);
  }

  /**
   * Finds the first record, in offset order, whose timestamp is not before a time (milliseconds since 1970);
   * null if there is none. No record before it is that new. Records after it may be older, because timestamps
   * may go backwards.
   *
   * The search takes a few reads if timestamps only grow. If they went back by an hour, for example, it also
   * reads the headers of up to an hour's batches. It unpacks one batch, or a few whose producers stated a
   * newest timestamp that no record has; the result may then lie before the record.
   * @param signal aborts the search, which then fails with the signal's reason
   * @throws `CORRUPT_BATCH` for damage, `TOPIC_STOPPED`, `PARTITION_UNAVAILABLE`, or the store's error
   */
  async offsetForTimestamp(timestamp: number, signal?: AbortSignal): Promise<OffsetForTimestamp | null> {
    const { reader } = this.life.opened();
    await this.bounds.refresh();
    const { startOffset, endOffset, times } = this;
    const assertWanted = () => {
      this.assertOpen();
      signal?.throwIfAborted();
    };
    return searchTime(reader, timestamp, { startOffset, endOffset, disorder: times.disorder, assertWanted });
  }

  /**
   * Checks that the partition is open.
   * @throws `TOPIC_STOPPED`, `PARTITION_UNAVAILABLE`
   * @internal
   */
  assertOpen(): void {
    this.life.opened();
  }

  /**
   * Waits for data: resolves true as soon as there is a record at or after `offset`, or false if the wait
   * ends first (after `waitMs`, by the signal, or because the partition closes). Without `waitMs` there is no
   * time limit.
   */
  waitForData(offset: number, options: WaitOptions = {}): Promise<boolean> {
    if (this.endOffset > offset) return Promise.resolve(true);
    if (this.state !== 'open') return Promise.resolve(false);
    return this.waiters.wait(offset, options.waitMs, options.signal);
  }

  /**
   * Calls `notify` whenever the partition has grown and when it closes. The returned function ends that.
   * @internal
   */
  follow(notify: () => void): () => void {
    return this.waiters.follow(notify);
  }

  /**
   * Removes every record, including those published before the call and not stored yet. Offsets continue
   * where they were.
   */
  truncate(): Promise<void> {
    return this.bounds.truncate();
  }

  /**
   * Removes the records before an offset permanently: the partition starts there from now on, also after a
   * restart. Offsets continue where they were. Does nothing if the partition starts there already or later.
   *
   * When space is freed depends on the adapter: the memory adapter and RocksDB free it at once; a wrap log
   * frees it when it wraps around, or at once if no record is left.
   * @returns the offset the partition starts at
   * @throws `OFFSET_OUT_OF_RANGE` for an offset past the end, `TOPIC_STOPPED`, `PARTITION_UNAVAILABLE`, or
   *   the store's error
   */
  async deleteRecords(before: number): Promise<number> {
    await this.bounds.deleteRecords(before);
    return this.startOffset;
  }

  /**
   * Skips offsets: the next record gets this offset, or a later one if the log is past it already. For
   * messages copied from another log that keep their offsets.
   *
   * An empty partition starts at this offset, also after a restart. If the partition has records, the gap
   * survives a restart only once a record is stored, or an offset committed by a group, at or after `offset`.
   * @throws `INVALID_MESSAGE` for an invalid offset, `TOPIC_STOPPED`, `PARTITION_UNAVAILABLE`, or the store's
   *   error
   */
  skipTo(offset: number): Promise<void> {
    return this.bounds.skipTo(offset);
  }

  /** Reclaims space, if the adapter can. */
  async optimize(): Promise<void> {
    await this.life.opened().store.optimize();
  }

  /** Resolves when everything published before the call is on stable storage, if the adapter has any. */
  async sync(): Promise<void> {
    const { appender, store } = this.life.opened();
    await appender.exclusively(() => store.sync());
  }

  /**
   * Reads the entries of the store's log in write order, in pages. Keys are base offsets, values are batches.
   */
  readLog(options?: ReadLogOptions): AsyncIterable<LogEntry[]> {
    return this.life.opened().store.readLogPages(options);
  }

  /** Tells the store the lowest offset that some group still needs; null if no group reads. @internal */
  retainFrom(offset: number | null): Promise<void> {
    return this.bounds.retainFrom(offset);
  }

  /** The partition's offsets and state, from memory. */
  describe(): PartitionDescription {
    const { index: partition, state, startOffset, endOffset } = this;
    const { error } = this.life;
    const description = { partition, state, startOffset, endOffset };
    return error === undefined ? description : { ...description, error };
  }

  /**
   * The result of {@link describe}, counters since the partition was opened, and information from its store.
   */
  async info(): Promise<PartitionInfo> {
    if (this.state === 'open') await this.bounds.refresh();
    const info = {
      ...this.describe(),
      topic: this.topic,
      backlog: this.endOffset - this.startOffset,
      published: { ...this.writer.counters },
      read: { ...this.fetch.counts, ...(this.life.log?.reader.counts ?? NOTHING_READ) },
      pendingBytes: this.life.log?.appender.pendingBytes ?? 0,
      cachedBytes: this.tail.bytes,
    };
    return this.state === 'open' ? { ...info, store: await this.life.opened().store.info() } : info;
  }

  /** Finishes the publishes in flight and closes the store. @internal */
  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.waiters.endAll();
    try {
      await this.life.end();
    } finally {
      this.tail.clear();
    }
  }
}

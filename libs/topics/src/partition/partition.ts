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

  /** Values are checked when they are decoded. @internal */
  get checksValues(): boolean {
    return this.owner.codec instanceof CheckedCodec;
  }

  /** Name of the topic. */
  get topic(): string {
    return this.owner.name;
  }

  /** `failed`: its store could not be opened; `describe().error` says why. */
  get state(): PartitionState {
    return this.life.state;
  }

  /** The earliest offset that can be read. */
  get startOffset(): number {
    return this.bounds.start;
  }

  /** The offset after the last record that is stored. */
  get endOffset(): number {
    return this.bounds.end;
  }

  /**
   * Where the log ended when it was opened. Offsets from here on may have been given before, if what had them is lost: by
   * a power cut, with the memory it was in, or because this is an older copy. @internal
   */
  get lostFrom(): number {
    return this.bounds.lostFrom;
  }

  /** Groups of messages whose write has begun. @internal */
  get writes(): number {
    return this.life.log?.appender.writes ?? 0;
  }

  /** What is published now waits for the next write. @internal */
  get isWriting(): boolean {
    return this.life.log?.appender.isWriting ?? false;
  }

  /**
   * Takes the store over and finds where the log ends.
   * @param floor what is known of it already
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

  /** Retention dropped the oldest batches. @internal */
  onEvicted(): void {
    this.bounds.onEvicted();
  }

  /** Queues records that are packed with others that wait. @internal */
  publish(records: readonly RecordInput[], completion: GroupCompletion): void {
    this.writer.publish(records, completion);
  }

  /**
   * Appends a record batch v2 as its producer packed it: only the base offset is set, everything else is stored as
   * it came. The bytes are copied.
   * @throws `CORRUPT_BATCH`, `MESSAGE_TOO_LARGE`, `INVALID_MESSAGE` for a control batch, `BACKPRESSURE`,
   *   `TOPIC_STOPPED`, or what the store says
   */
  append(batch: Uint8Array, options: AppendOptions = {}): Promise<AppendResult> {
    return this.writer.append(batch, options);
  }

  /**
   * Record batches as bytes, from the one that holds `offset` on.
   * @throws `OFFSET_OUT_OF_RANGE`, `CORRUPT_BATCH`, `TOPIC_STOPPED`, or what the store says
   */
  readBatches(options: ReadBatchesOptions): Promise<ReadBatchesResult> {
    return this.fetch.read(options);
  }

  /** Copies of the batches that {@link readBatches} would answer at once; undefined where it has to be asked. @internal */
  cachedBatches(offset: number, maxBytes: number): Buffer[] | undefined {
    return this.fetch.cached(offset, maxBytes);
  }

  /**
   * Messages from `offset` on.
   * @throws `OFFSET_OUT_OF_RANGE`, `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION`, `TOPIC_STOPPED`, or what the store says
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

  /** Batches from the end back to the one that holds `offset`, without those that are damaged. @internal */
  readBackTo(offset: number): AsyncIterable<Buffer> {
    return this.life.opened().reader.backTo(offset);
  }

  /** The bytes that a read at `offset` cannot make sense of, and the offset at which to go on past them. @internal */
  unreadableAt(offset: number): Promise<{ bytes: Buffer | null; nextOffset: number }> {
    return this.life.opened().reader.raw(offset, this.endOffset);
  }

  /**
   * The first record, in the order of offsets, whose timestamp is not before a time (ms since 1970); null where there is
   * none. So nothing of that time or later lies before it, though clocks went back: records after it may be older.
   *
   * It costs a few reads where timestamps go forward; where they went back, by an hour say, the headers of up to an hour's
   * batches are read as well. One batch is unpacked, or a few where their producers have stated timestamps that no record
   * has; then it may be a place before the record.
   * @param signal ends the search: it fails with the signal's reason
   * @throws `CORRUPT_BATCH` for damage, `TOPIC_STOPPED`, or what the store says
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

  /** @throws `TOPIC_STOPPED`, `PARTITION_UNAVAILABLE` @internal */
  assertOpen(): void {
    this.life.opened();
  }

  /**
   * True as soon as there is a record at or after `offset`; false where the wait ended first (by `waitMs`, the
   * signal, or because the partition was closed). Without `waitMs` it waits as long as it takes.
   */
  waitForData(offset: number, options: WaitOptions = {}): Promise<boolean> {
    if (this.endOffset > offset) return Promise.resolve(true);
    if (this.state !== 'open') return Promise.resolve(false);
    return this.waiters.wait(offset, options.waitMs, options.signal);
  }

  /** Calls `notify` whenever the partition has grown, and when it closes, until the answer is called. @internal */
  follow(notify: () => void): () => void {
    return this.waiters.follow(notify);
  }

  /** Removes every record. Offsets go on where they were. Publishes made before the call are removed too. */
  truncate(): Promise<void> {
    return this.bounds.truncate();
  }

  /**
   * Removes the records before an offset, for ever: the partition begins there from now on, over restarts too. Offsets
   * go on where they were. Space is freed as the adapter can: at once in memory and in RocksDB; a wrap log frees it
   * when it comes round, or at once where nothing is left. Nothing happens where the partition begins there already.
   * @returns the offset the partition begins at
   * @throws `OFFSET_OUT_OF_RANGE` for an offset past the end, `TOPIC_STOPPED`, or what the store says
   */
  async deleteRecords(before: number): Promise<number> {
    await this.bounds.deleteRecords(before);
    return this.startOffset;
  }

  /**
   * Leaves offsets out: the next record gets this one, or a later one if the log is there already. For messages that
   * come from another log and keep their offsets. An empty partition begins there, over restarts too; after records
   * it holds over restarts once something is stored, or committed by a group, from there on.
   * @throws `INVALID_MESSAGE` for what is no offset, `TOPIC_STOPPED`, or what the store says
   */
  skipTo(offset: number): Promise<void> {
    return this.bounds.skipTo(offset);
  }

  /** Reclaims space where the adapter can. */
  async optimize(): Promise<void> {
    await this.life.opened().store.optimize();
  }

  /** Resolves when everything published before the call is on stable storage, as far as the adapter knows one. */
  async sync(): Promise<void> {
    const { appender, store } = this.life.opened();
    await appender.exclusively(() => store.sync());
  }

  /** What the store's log holds, in the order of the writes, in pages: keys are base offsets, values batches. */
  readLog(options?: ReadLogOptions): AsyncIterable<LogEntry[]> {
    return this.life.opened().store.readLogPages(options);
  }

  /** Tells the store the lowest offset some group still needs; null where nobody reads. @internal */
  retainFrom(offset: number | null): Promise<void> {
    return this.bounds.retainFrom(offset);
  }

  /** Its offsets and state, from memory. */
  describe(): PartitionDescription {
    const { index: partition, state, startOffset, endOffset } = this;
    const { error } = this.life;
    const description = { partition, state, startOffset, endOffset };
    return error === undefined ? description : { ...description, error };
  }

  /** What {@link describe} tells, counters since it was opened, and what its store says. */
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

  /** Finishes the publishes under way and closes the store. @internal */
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

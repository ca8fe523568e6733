import type { LogEntry, PartitionStore, ReadLogOptions } from '@genrocks/storage';
import { isGenRocksError } from '@genrocks/storage';
import {
  InvalidMessageError,
  MessageTooLargeError,
  OffsetOutOfRangeError,
  PartitionUnavailableError,
  TopicStoppedError,
  messageOf,
} from '../errors.js';
import type { Message } from '../message.js';
import { validateBatch } from '../records/batch-reader.js';
import type { RecordInput } from '../records/batch-writer.js';
import { nextOffsetOf } from '../records/batch-header.js';
import { CheckedCodec } from '../schema/checked-codec.js';
import type { PartitionInfo } from '../topic.types.js';
import { DataWaiters } from './data-waiters.js';
import { MessageDecoder } from './message-decoder.js';
import { offsetKey } from './offset-key.js';
import { type AppenderListener, type GroupCompletion, PartitionAppender } from './partition-appender.js';
import type { PartitionEnvironment, PartitionOwner } from './partition.types.js';
import { PartitionReader } from './partition-reader.js';
import type {
  AppendResult,
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

const DEFAULT_MAX_BYTES = 1024 * 1024;
/** More is never read at once, whatever is asked for. */
const MAX_READ_BYTES = 64 * 1024 * 1024;
const DEFAULT_LIMIT = 1000;
const NOTHING_READ = { cacheHits: 0, cacheMisses: 0 };

/**
 * One partition: an ordered log of messages with offsets that only ever grow.
 *
 * @publicApi
 */
export class Partition {
  private store: PartitionStore | undefined;
  private appender: PartitionAppender | undefined;
  private reader: PartitionReader | undefined;
  private failure: unknown;
  private closed = false;
  private start = 0;
  private end = 0;
  private startIsStale = false;
  /** The lowest offset some group still needs, as the store was told last. */
  private neededFrom: number | null = null;
  private readonly tail: CachedTail;
  /** @internal */
  readonly decoder: MessageDecoder;
  private readonly waiters = new DataWaiters();
  private readonly counters = { messages: 0, batches: 0, bytes: 0, failed: 0 };
  private readonly reads = { batches: 0, bytes: 0 };

  /** @internal */
  constructor(
    private readonly owner: PartitionOwner,
    readonly index: number,
    private readonly environment: PartitionEnvironment,
  ) {
    this.tail = environment.cache.tail();
    this.decoder = new MessageDecoder(owner.name, index, owner.codec);
  }

  /** Values are checked when they are decoded. @internal */
  get checksValues(): boolean {
    return this.owner.codec instanceof CheckedCodec;
  }

  get topic(): string {
    return this.owner.name;
  }

  /** `failed`: its store could not be opened; `describe().error` says why. */
  get state(): PartitionState {
    if (this.closed) return 'closed';
    return this.failure === undefined ? 'open' : 'failed';
  }

  /** The earliest offset that can be read. */
  get startOffset(): number {
    return this.start;
  }

  /** The offset behind the last record that is stored. */
  get endOffset(): number {
    return this.end;
  }

  /**
   * Takes the store over and finds where the log ends.
   * @param floor the next offset is never below this, whatever the store holds
   * @internal
   */
  async open(store: PartitionStore, logStart: number, floor: number): Promise<void> {
    const reader = new PartitionReader(store, this.tail);
    const bounds = await reader.bounds();
    this.start = Math.max(logStart, bounds?.first.baseOffset ?? 0);
    this.end = Math.max(this.start, floor, bounds?.last.nextOffset ?? 0);
    if (bounds === undefined) this.start = this.end;
    this.store = store;
    this.reader = reader;
    const listener: AppenderListener = {
      onStored: (batches, endOffset, records, bytes) => this.onStored(batches, endOffset, records, bytes),
      onFailed: (records) => void (this.counters.failed += records),
    };
    const { topic, index, environment, end } = this;
    this.appender = new PartitionAppender(topic, index, store, end, environment, listener, this.owner);
  }

  /** @internal */
  fail(error: unknown): void {
    this.failure = error;
  }

  /** Retention dropped the oldest batches. @internal */
  onEvicted(): void {
    this.startIsStale = true;
  }

  /** Queues records that are packed with others that wait. @internal */
  publish(records: readonly RecordInput[], completion: GroupCompletion): void {
    this.opened().appender.append(records, completion);
  }

  /**
   * Appends a record batch v2 as its producer packed it: only the base offset is set, everything else is stored as
   * it came. The bytes are copied.
   * @param handOver the caller gives the bytes away and will not touch them again: they are copied only where they are
   *   a small part of the memory they lie in, which would be kept for them
   * @throws `CORRUPT_BATCH`, `MESSAGE_TOO_LARGE`, `INVALID_MESSAGE` for a control batch, `BACKPRESSURE`,
   *   `TOPIC_STOPPED`, or what the store says
   */
  async append(batch: Uint8Array, handOver = false): Promise<AppendResult> {
    const { appender } = this.opened();
    const { maxBatchBytes, maxMessageBytes } = this.environment;
    const limit = Math.max(maxBatchBytes, maxMessageBytes);
    if (batch.length > limit) throw new MessageTooLargeError('the record batch', batch.length, limit);
    const own = handOver && isMostOfItsMemory(batch) ? view(batch) : Buffer.from(batch);
    const header = validateBatch(own);
    if (header.control) throw new InvalidMessageError('control batches belong to the log itself');
    return new Promise((resolve, reject) => {
      appender.appendRaw(own, {
        stored: (baseOffset) => {
          this.owner.watcher?.appended(this.index, own);
          resolve({ baseOffset, lastOffset: baseOffset + header.lastOffsetDelta, startOffset: this.start });
        },
        failed: reject,
      });
    });
  }

  /**
   * Record batches as bytes, from the one that holds `offset` on.
   * @throws `OFFSET_OUT_OF_RANGE`, `CORRUPT_BATCH`, `TOPIC_STOPPED`, or what the store says
   */
  async readBatches(options: ReadBatchesOptions): Promise<ReadBatchesResult> {
    const { offset, minBytes = 1, waitMs = 0, signal } = options;
    const maxBytes = readLimit(options.maxBytes);
    const deadline = waitMs > 0 ? Date.now() + waitMs : 0;
    for (;;) {
      const { reader } = this.opened();
      await this.refreshStart();
      if (!Number.isInteger(offset) || offset < this.start || offset > this.end)
        throw this.outOfRange(offset);
      const endOffset = this.end;
      const batches = offset < endOffset ? await reader.read(offset, maxBytes, endOffset) : [];
      // Retention came in between: what was read may begin behind a hole that must not go unnoticed.
      if (this.startIsStale) continue;
      const last = batches[batches.length - 1];
      const nextOffset = last === undefined ? endOffset : nextOffsetOf(last);
      const left = deadline - Date.now();
      // What did not fit into maxBytes is there too: waiting would not make the answer larger.
      const bytes = sizeOf(batches);
      const enough = bytes >= minBytes || nextOffset < endOffset;
      if (enough || left <= 0 || !(await this.waiters.wait(endOffset, left, signal))) {
        this.reads.batches += batches.length;
        this.reads.bytes += bytes;
        return { batches, nextOffset, endOffset: this.end, startOffset: this.start };
      }
    }
  }

  /**
   * Messages from `offset` on.
   * @throws `OFFSET_OUT_OF_RANGE`, `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION`, `TOPIC_STOPPED`, or what the store says
   */
  async readMessages<T = unknown>(options: ReadMessagesOptions): Promise<ReadMessagesResult<T>> {
    const { offset, limit = DEFAULT_LIMIT, maxBytes, waitMs, signal } = options;
    const { batches, nextOffset, endOffset, startOffset } = await this.readBatches({
      offset,
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(waitMs === undefined ? {} : { waitMs }),
      ...(signal === undefined ? {} : { signal }),
    });
    const messages: Message<T>[] = [];
    for (const batch of batches) {
      const next = this.decoder.decode(batch, offset, limit, messages);
      if (next !== undefined) return { messages, nextOffset: next, endOffset, startOffset };
    }
    return { messages, nextOffset, endOffset, startOffset };
  }

  /** Batches from the end back to the one that holds `offset`, without those that are damaged. @internal */
  readBackTo(offset: number): AsyncIterable<Buffer> {
    return this.opened().reader.backTo(offset);
  }

  /** The bytes that a read at `offset` cannot make sense of, and the offset to go on at behind them. @internal */
  unreadableAt(offset: number): Promise<{ bytes: Buffer | null; nextOffset: number }> {
    return this.opened().reader.raw(offset, this.end);
  }

  /** The first record at or after a time (ms since 1970), null where there is none. */
  async offsetForTimestamp(timestamp: number): Promise<OffsetForTimestamp | null> {
    const { reader } = this.opened();
    await this.refreshStart();
    return reader.atTimestamp(timestamp, this.start, this.end);
  }

  /**
   * True as soon as there is a record at or after `offset`; false where the wait ended first (by `waitMs`, the
   * signal, or because the partition was closed). Without `waitMs` it waits as long as it takes.
   */
  waitForData(offset: number, options: WaitOptions = {}): Promise<boolean> {
    if (this.end > offset) return Promise.resolve(true);
    if (this.state !== 'open') return Promise.resolve(false);
    return this.waiters.wait(offset, options.waitMs, options.signal);
  }

  /** Removes every record. Offsets go on where they were. Publishes made before the call are removed too. */
  async truncate(): Promise<void> {
    const { appender, store } = this.opened();
    await appender.exclusively(async () => {
      const next = appender.next;
      // First the promise that offsets go on from here, then the data: a crash in between keeps both.
      await this.owner.saveLogStart(this.index, next);
      await store.truncate();
      this.tail.clear();
      this.start = this.end = next;
      this.owner.watcher?.truncated(this.index);
    });
  }

  /**
   * Removes the records before an offset, for ever: the partition begins there from now on, over restarts too. Offsets
   * go on where they were. Space is freed as the adapter can: at once in memory and in RocksDB; a wrap log frees it
   * when it comes round, or at once where nothing is left. Nothing happens where the partition begins there already.
   * @returns the offset the partition begins at
   * @throws `OFFSET_OUT_OF_RANGE` for an offset past the end, `TOPIC_STOPPED`, or what the store says
   */
  async deleteRecords(before: number): Promise<number> {
    if (!Number.isSafeInteger(before) || before < 0 || before > this.end) throw this.outOfRange(before);
    const { appender, store } = this.opened();
    await appender.exclusively(async () => {
      await this.refreshStart();
      if (before <= this.start) return;
      // First the promise that nothing before it comes back, then the data: a crash in between keeps the promise.
      await this.owner.saveLogStart(this.index, before);
      this.start = before;
      if (before === appender.next) {
        this.tail.clear();
        await store.truncate();
      } else {
        const base = await this.opened().reader.floorBase(before);
        if (base !== undefined) await store.discardBefore(offsetKey(base));
        // Reads under way may have missed what is gone now: they look again.
        this.startIsStale = true;
        await this.retainFrom(this.neededFrom);
      }
    });
    return this.start;
  }

  /**
   * Leaves offsets out: the next record gets this one, or a later one if the log is there already. For messages that
   * come from another log and keep their offsets. An empty partition begins there, over restarts too; behind records
   * it holds over restarts once something is stored, or committed by a group, from there on.
   * @throws `INVALID_MESSAGE` for what is no offset, `TOPIC_STOPPED`, or what the store says
   */
  async skipTo(offset: number): Promise<void> {
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw new InvalidMessageError(
        `${offset} is not an offset; it must be a whole number from 0 to 2^53 - 1`,
      );
    const { appender } = this.opened();
    await appender.exclusively(async () => {
      if (offset <= appender.next) return;
      const isEmpty = this.start === this.end;
      if (isEmpty) await this.owner.saveLogStart(this.index, offset);
      appender.raiseTo(offset);
      this.end = offset;
      if (isEmpty) this.start = offset;
    });
  }

  /** Reclaims space where the adapter can. */
  async optimize(): Promise<void> {
    await this.opened().store.optimize();
  }

  /** Resolves when everything published before the call is on stable storage, as far as the adapter knows one. */
  async sync(): Promise<void> {
    const { appender, store } = this.opened();
    await appender.exclusively(() => store.sync());
  }

  /** What the store's log holds, in the order of the writes, in pages: keys are base offsets, values batches. */
  readLog(options?: ReadLogOptions): AsyncIterable<LogEntry[]> {
    return this.opened().store.readLogPages(options);
  }

  /** Tells the store the lowest offset some group still needs; null where nobody reads. @internal */
  async retainFrom(offset: number | null): Promise<void> {
    const { store, reader } = this.opened();
    this.neededFrom = offset;
    if (offset === null) return store.retainFrom(null);
    const base = await reader.floorBase(Math.min(Math.max(offset, this.start), this.end));
    store.retainFrom(offsetKey(base ?? offset));
  }

  describe(): PartitionDescription {
    const { index: partition, state, start: startOffset, end: endOffset, failure } = this;
    const description = { partition, state, startOffset, endOffset };
    if (failure === undefined) return description;
    const code = isGenRocksError(failure) ? failure.code : 'UNKNOWN';
    return { ...description, error: { code, message: messageOf(failure) } };
  }

  async info(): Promise<PartitionInfo> {
    if (this.state === 'open') await this.refreshStart();
    const info = {
      ...this.describe(),
      topic: this.topic,
      backlog: this.end - this.start,
      published: { ...this.counters },
      read: { ...this.reads, ...(this.reader?.counts ?? NOTHING_READ) },
      pendingBytes: this.appender?.pendingBytes ?? 0,
      cachedBytes: this.tail.bytes,
    };
    return this.state === 'open' ? { ...info, store: await this.opened().store.info() } : info;
  }

  /** Finishes the publishes under way and closes the store. @internal */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.waiters.endAll();
    await this.appender?.close();
    this.tail.clear();
    await this.store?.close();
  }

  private opened(): { store: PartitionStore; appender: PartitionAppender; reader: PartitionReader } {
    if (this.closed) throw new TopicStoppedError(this.topic);
    if (this.failure !== undefined) {
      throw new PartitionUnavailableError(this.topic, this.index, this.failure);
    }
    const { store, appender, reader } = this;
    if (store === undefined || appender === undefined || reader === undefined) {
      throw new TopicStoppedError(this.topic, 'starting');
    }
    return { store, appender, reader };
  }

  private onStored(batches: readonly Buffer[], endOffset: number, records: number, bytes: number): void {
    for (const batch of batches) this.tail.push(batch);
    this.owner.watcher?.stored(this.index, this.end);
    this.end = endOffset;
    this.counters.messages += records;
    this.counters.batches += batches.length;
    this.counters.bytes += bytes;
    this.waiters.wake(endOffset);
  }

  private async refreshStart(): Promise<void> {
    if (!this.startIsStale) return;
    this.startIsStale = false;
    const first = await this.opened().reader.firstBase();
    if (first !== undefined && first > this.start) this.start = first;
  }

  private outOfRange(offset: number): OffsetOutOfRangeError {
    return new OffsetOutOfRangeError(this.topic, this.index, offset, this.start, this.end);
  }
}

/** A limit that is no number, or beyond all memory, must not mean to read everything there is. */
function readLimit(maxBytes: number = DEFAULT_MAX_BYTES): number {
  return maxBytes >= 0 ? Math.min(maxBytes, MAX_READ_BYTES) : DEFAULT_MAX_BYTES;
}

function sizeOf(batches: readonly Buffer[]): number {
  let bytes = 0;
  for (const batch of batches) bytes += batch.length;
  return bytes;
}

/** Would keeping these bytes keep little else? */
function isMostOfItsMemory(bytes: Uint8Array): boolean {
  return bytes.length >= bytes.buffer.byteLength * 0.75;
}

function view({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

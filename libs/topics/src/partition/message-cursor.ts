import type { Message } from '../message.js';
import { nextOffsetOf } from '../records/batch-header.js';
import { BatchReader, type RecordView } from '../records/batch-reader.js';
import type { Partition } from './partition.js';

/**
 * Reads a partition from an offset on, a few messages at a time. It keeps its position inside a batch, so
 * that small reads do not walk the same records, or unpack the same batch, again and again.
 */
export class MessageCursor<T = unknown> {
  private batches: Buffer[] = [];
  private reader: BatchReader | undefined;
  private behindReader = 0;

  constructor(
    private readonly partition: Partition,
    /** The offset to read next. */
    private position: number,
  ) {}

  /**
   * The next messages, at most `limit`; none at the end, or if only markers or gaps were read.
   * @throws as `Partition.readBatches`
   */
  async read(limit: number, maxBytes: number): Promise<Message<T>[]> {
    if (this.reader === undefined && this.batches.length === 0) {
      const { batches, nextOffset } = await this.partition.readBatches({ offset: this.position, maxBytes });
      if (batches.length === 0) this.position = nextOffset;
      this.batches = batches;
    }
    return this.take(limit);
  }

  /** As {@link read}, if the data is cached; undefined otherwise. */
  readCached(limit: number, maxBytes: number): Message<T>[] | undefined {
    if (this.reader === undefined && this.batches.length === 0) {
      const batches = this.partition.cachedBatches(this.position, maxBytes);
      if (batches === undefined) return undefined;
      this.batches = batches;
    }
    return this.take(limit);
  }

  private take(limit: number): Message<T>[] {
    const messages: Message<T>[] = [];
    try {
      while (messages.length < limit) {
        const record = this.nextRecord();
        if (record === undefined) break;
        if (record.offset < this.position) continue;
        this.position = record.offset + 1;
        messages.push(this.partition.decoder.message<T>(record));
      }
    } catch (error) {
      this.batches = [];
      this.reader = undefined;
      // Messages before the damage are good. The next read starts at the damage and fails.
      if (messages.length === 0) throw error;
    }
    return messages;
  }

  /** The offset to continue at, past everything that was read and gaps after it. */
  get nextOffset(): number {
    return this.position;
  }

  private nextRecord(): RecordView | undefined {
    for (;;) {
      const record = this.reader?.next();
      if (record !== undefined) return record;
      if (this.reader !== undefined) this.position = Math.max(this.position, this.behindReader);
      this.reader = undefined;
      const batch = this.batches.shift();
      if (batch === undefined) return undefined;
      this.behindReader = nextOffsetOf(batch);
      const reader = new BatchReader(batch, { verify: false });
      // Transaction markers occupy offsets, but are not messages.
      if (reader.header.control) this.position = Math.max(this.position, this.behindReader);
      else this.reader = reader;
    }
  }
}

import type { Clock } from '../clock.js';
import type { AppendCompletion } from '../partition/append-unit.js';
import type { GroupCompletion } from '../partition/appender.types.js';
import type { Partition } from '../partition/partition.js';
import type { PartitionWatcher } from '../partition/partition.types.js';
import type { RecordInput } from '../records/batch-writer.js';
import type { ResolvedDedupOptions } from './dedup-options.js';
import type { IdBookmarks } from './id-bookmarks.js';
import { idsOf } from './message-id.js';
import { type DedupInfo, type DuplicateListener, type KnownId, MessageIds } from './message-ids.js';

/** Keeps messages of one topic from being stored again if their id is known. */
export class Deduplicator implements PartitionWatcher {
  private readonly ids: MessageIds;

  constructor(
    topic: string,
    private readonly topicId: string,
    private readonly options: ResolvedDedupOptions,
    private readonly clock: Clock,
    private readonly bookmarks: IdBookmarks,
  ) {
    this.ids = new MessageIds(topic, options, clock);
  }

  get info(): DedupInfo {
    return this.ids.info;
  }

  /**
   * Reads the ids within the window from the ends of the logs. Nothing may be published before this has
   * resolved.
   */
  async recover(partitions: readonly Partition[]): Promise<void> {
    const now = this.clock.now();
    const open = partitions.filter(({ state }) => state === 'open');
    await this.bookmarks.begin(this.topicId, open, now);
    let found: KnownId[] = [];
    for (const partition of open) {
      const from = this.bookmarks.startOf(this.topicId, partition.index, now - this.options.windowMs);
      found.push(...(await this.readBack(partition, from, now)));
      found.sort((a, b) => a.publishedAt - b.publishedAt);
      // Trim after every partition, so that memory does not grow with their number.
      found = found.slice(-this.options.maxIds);
    }
    for (const first of found) this.ids.remember(first);
  }

  /** As {@link MessageIds.take}. */
  take(id: string, repeat: DuplicateListener): boolean {
    return this.ids.take(id, repeat);
  }

  /** Frees an id whose message was not queued. */
  giveBack(id: string, error: unknown): void {
    this.ids.failed(id, error);
  }

  /**
   * Wraps the completion of records whose ids were taken: settles the ids before the publisher is notified.
   */
  completion(partition: number, records: readonly RecordInput[], inner: GroupCompletion): GroupCompletion {
    return {
      part: (first, count, delta) => this.part(partition, records, first, count, delta, inner),
      failed: (error) => {
        for (const { id } of records) if (id !== undefined) this.ids.failed(id, error);
        inner.failed(error);
      },
    };
  }

  stored(partition: number, firstOffset: number): void {
    const { clock, options } = this;
    this.bookmarks.note(this.topicId, partition, clock.now(), firstOffset, options.windowMs / 2);
  }

  /**
   * Remembers the ids of a batch that its producer packed. Such a batch is stored without a duplicate check.
   */
  appended(partition: number, batch: Buffer): void {
    try {
      for (const found of idsOf(batch)) this.ids.remember({ ...found, partition });
    } catch {
      // The batch cannot be read. Readers of its messages get the error.
    }
  }

  truncated(partition: number): void {
    this.ids.forgetPartition(partition);
  }

  private part(
    partition: number,
    records: readonly RecordInput[],
    first: number,
    count: number,
    delta: number,
    inner: GroupCompletion,
  ): AppendCompletion {
    const part = inner.part(first, count, delta);
    const own = records.slice(first, first + count);
    return {
      stored: (baseOffset) => {
        own.forEach((record, i) => this.keep(partition, record, baseOffset + delta + i));
        part.stored(baseOffset);
      },
      failed: (error) => {
        for (const { id } of own) if (id !== undefined) this.ids.failed(id, error);
        part.failed(error);
      },
    };
  }

  private keep(partition: number, record: RecordInput, offset: number): void {
    const { id, timestamp, publishedAt = timestamp } = record;
    if (id !== undefined) this.ids.stored({ id, partition, offset, timestamp, publishedAt });
  }

  private async readBack(partition: Partition, from: number, now: number): Promise<KnownId[]> {
    const { windowMs, maxIds } = this.options;
    const found: KnownId[] = [];
    for await (const batch of partition.readBackTo(from)) {
      let ids: ReturnType<typeof idsOf> = [];
      try {
        ids = idsOf(batch);
      } catch {
        // The ids of an unreadable batch cannot be recovered.
      }
      for (const id of ids.toReversed()) {
        if (id.offset >= from && now - id.publishedAt < windowMs)
          found.push({ ...id, partition: partition.index });
        if (found.length >= maxIds) return found.toReversed();
      }
    }
    return found.toReversed();
  }
}

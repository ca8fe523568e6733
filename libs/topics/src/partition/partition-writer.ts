import type { PartitionStore } from '@genrocks/storage';
import type { RecordInput } from '../records/batch-writer.js';
import type { AppendOptions, AppendResult } from './append.types.js';
import type { AppenderListener, GroupCompletion } from './appender.types.js';
import type { DataWaiters } from './data-waiters.js';
import type { LogBounds } from './log-bounds.js';
import { takePackedBatch } from './packed-batch.js';
import { PartitionAppender } from './partition-appender.js';
import type { PartitionLife } from './partition-life.js';
import type { PartitionEnvironment, PartitionOwner } from './partition.types.js';
import type { CachedTail } from './tail-cache.js';
import type { TimeOrder } from './time-order.js';

/** The parts of a partition involved in a write, besides the store. */
export interface WrittenParts {
  readonly life: PartitionLife;
  readonly bounds: LogBounds;
  readonly tail: CachedTail;
  readonly waiters: DataWaiters;
  readonly times: TimeOrder;
}

/** Accepts writes to one partition, and notifies its other parts of what was stored. */
export class PartitionWriter {
  /** Counted since the partition was opened in this process. */
  readonly counters = { messages: 0, batches: 0, bytes: 0, failed: 0 };

  constructor(
    private readonly owner: PartitionOwner,
    private readonly index: number,
    private readonly environment: PartitionEnvironment,
    private readonly parts: WrittenParts,
  ) {}

  /** Creates the appender for a store. */
  appenderFor(store: PartitionStore): PartitionAppender {
    const { owner, index, environment } = this;
    const listener: AppenderListener = {
      onStored: (batches, endOffset, records, bytes) => this.onStored(batches, endOffset, records, bytes),
      onFailed: (records, error) => {
        this.counters.failed += records;
        environment.room.failed(error);
      },
    };
    const { bounds, times } = this.parts;
    const { end } = bounds;
    return new PartitionAppender(owner.name, index, store, end, times, environment, listener, owner);
  }

  publish(records: readonly RecordInput[], completion: GroupCompletion): void {
    this.parts.life.opened().appender.append(records, completion);
  }

  append(batch: Uint8Array, { lent = false, claim }: AppendOptions): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => {
        claim?.failed(error);
        reject(error);
      };
      try {
        const { appender } = this.parts.life.opened();
        const { maxBatchBytes, maxMessageBytes } = this.environment;
        const limit = Math.max(maxBatchBytes, maxMessageBytes);
        const { bytes, lastOffsetDelta } = takePackedBatch(batch, lent, limit);
        const stored = (baseOffset: number) => {
          claim?.stored(baseOffset);
          this.owner.watcher?.appended(this.index, bytes);
          const startOffset = this.parts.bounds.start;
          resolve({ baseOffset, lastOffset: baseOffset + lastOffsetDelta, startOffset });
        };
        appender.appendRaw(bytes, { stored, failed, refusal: () => claim?.refusal() });
      } catch (error) {
        failed(error as Error);
      }
    });
  }

  private onStored(batches: readonly Buffer[], endOffset: number, records: number, bytes: number): void {
    const { tail, bounds, waiters } = this.parts;
    this.environment.room.wrote();
    for (const batch of batches) tail.push(batch);
    this.owner.watcher?.stored(this.index, bounds.end);
    bounds.extendTo(endOffset);
    this.counters.messages += records;
    this.counters.batches += batches.length;
    this.counters.bytes += bytes;
    waiters.wake(endOffset);
  }
}

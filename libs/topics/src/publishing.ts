import type { DuplicateListener, KnownId } from './dedup/message-ids.js';
import { PartiallyPublishedError } from './errors.js';
import type { PublishResult } from './message.js';
import type { AppendCompletion } from './partition/append-unit.js';
import type { GroupCompletion } from './partition/appender.types.js';
import type { RecordInput } from './records/batch-writer.js';

/** A message being published. It is its own completion, so that a message costs one object. */
export class SinglePublish implements GroupCompletion, AppendCompletion, DuplicateListener {
  private delta = 0;

  constructor(
    private readonly topic: string,
    private readonly partition: number,
    private readonly timestamp: number,
    private readonly resolve: (result: PublishResult) => void,
    private readonly reject: (error: unknown) => void,
  ) {}

  part(_first: number, _count: number, delta: number): AppendCompletion {
    this.delta = delta;
    return this;
  }

  stored(baseOffset: number): void {
    const { topic, partition, timestamp } = this;
    this.resolve({ topic, partition, offset: baseOffset + this.delta, timestamp });
  }

  duplicateOf(first: KnownId): void {
    this.resolve(duplicateOf(this.topic, first));
  }

  failed(error: unknown): void {
    this.reject(error);
  }
}

function duplicateOf(topic: string, { partition, offset, timestamp }: KnownId): PublishResult {
  return { topic, partition, offset, timestamp, duplicate: true };
}

/** A publishBatch call: waits for its part in every partition and returns the results in the order of the call. */
export class BatchPublish {
  private readonly results: (PublishResult | undefined)[];
  private left: number;
  private stored = 0;
  private failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly topic: string,
    total: number,
    private readonly resolve: (results: PublishResult[]) => void,
    private readonly reject: (error: unknown) => void,
  ) {
    this.results = new Array<PublishResult | undefined>(total);
    this.left = total;
  }

  /** @param positions of the records within the call, in the order of `records` */
  forPartition(
    partition: number,
    positions: readonly number[],
    records: readonly RecordInput[],
  ): GroupCompletion {
    return {
      part: (first, count, delta) => ({
        stored: (baseOffset) => {
          const base = baseOffset + delta - first;
          for (let i = first; i < first + count; i++) {
            const { timestamp } = records[i]!;
            this.results[positions[i]!] = { topic: this.topic, partition, offset: base + i, timestamp };
          }
          this.stored += count;
          this.settle(count);
        },
        failed: (error) => this.fail(count, error),
      }),
      failed: (error) => this.fail(positions.length, error),
    };
  }

  /** The listener of a message whose id is already taken. */
  duplicate(position: number): DuplicateListener {
    return {
      duplicateOf: (first) => {
        this.results[position] = duplicateOf(this.topic, first);
        this.stored++;
        this.settle(1);
      },
      failed: (error) => this.fail(1, error),
    };
  }

  private fail(count: number, error: unknown): void {
    this.failure ??= { error };
    this.settle(count);
  }

  private settle(count: number): void {
    this.left -= count;
    if (this.left > 0) return;
    if (this.failure === undefined) this.resolve(this.results as PublishResult[]);
    else if (this.stored === 0) this.reject(this.failure.error);
    else this.reject(new PartiallyPublishedError(Array.from(this.results), this.failure.error));
  }
}

import { isError } from '@genrocks/storage';
import { errorCodeOf } from '../handlers/error-mapping.js';
import { OutOfOrderError } from '../errors.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { BatchProducer } from './batch-producer.js';
import { PendingBatch } from './pending-batch.js';
import { addSequence } from './sequence.js';

/** Batches remembered per producer: as many as an idempotent client may have in flight. */
const REMEMBERED = 5;

/** Errors after which clients resend with the same sequence, so that the batches behind can get the same error. */
const RETRIED_AS_THEY_ARE: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.REQUEST_TIMED_OUT,
]);

interface StoredBatch {
  readonly baseSequence: number;
  readonly records: number;
  readonly baseOffset: number;
}

interface Producer {
  /** The last epoch of this producer in the log, and its last batches in that epoch. */
  storedEpoch: number;
  stored: StoredBatch[];
  /** Batches queued for the log, in log order. */
  pending: PendingBatch[];
  /** The epoch and sequence number expected of the next batch. */
  epoch: number;
  next: number;
}

/** A producer as stored across restarts: `[producerId, epoch, [[baseSequence, records, baseOffset], ...]]`. */
export type ProducerSnapshot = readonly [number, number, readonly (readonly [number, number, number])[]];

/** What to do with a batch. */
export type Verdict =
  | { readonly kind: 'append' }
  /** The batch is in the log at this offset, or queued for it. */
  | { readonly kind: 'duplicate'; readonly stored: number | Promise<number> }
  | { readonly kind: 'refuse'; readonly errorCode: ErrorCode };

const APPEND: Verdict = { kind: 'append' };
const OUT_OF_ORDER: Verdict = { kind: 'refuse', errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER };
const OLD_EPOCH: Verdict = { kind: 'refuse', errorCode: ErrorCode.INVALID_PRODUCER_EPOCH };

/**
 * The idempotent producers of one partition, with their last batches, to detect duplicates and gaps.
 *
 * A batch is checked when it joins the partition's queue, against the stored and the queued batches. If a batch fails,
 * its producer's batches queued behind it are never stored, and the producer must send the failed one next. So a retry
 * is neither lost nor stored twice, and no later batch overtakes it.
 *
 * Above the limit, the least recently used producer without queued batches is forgotten.
 */
export class PartitionProducers {
  private readonly producers = new Map<number, Producer>();
  private pendingCount = 0;

  constructor(private readonly maxProducers: number) {}

  get size(): number {
    return this.producers.size;
  }

  /** Whether batches are queued for the log. */
  get isBusy(): boolean {
    return this.pendingCount > 0;
  }

  check({ producerId, epoch, baseSequence, records }: BatchProducer): Verdict {
    const known = this.producers.get(producerId);
    if (known === undefined) return APPEND;
    if (epoch < known.epoch) return OLD_EPOCH;
    if (epoch > known.epoch) return baseSequence === 0 ? APPEND : OUT_OF_ORDER;
    if (baseSequence === known.next) return APPEND;
    const isSame = (batch: { readonly baseSequence: number; readonly records: number }) =>
      batch.baseSequence === baseSequence && batch.records === records;
    const pending = known.pending.find((batch) => batch.epoch === epoch && isSame(batch));
    if (pending !== undefined) return { kind: 'duplicate', stored: pending.outcome() };
    const stored = known.storedEpoch === epoch ? known.stored.find(isSame) : undefined;
    return stored === undefined ? OUT_OF_ORDER : { kind: 'duplicate', stored: stored.baseOffset };
  }

  /**
   * Registers a batch for which {@link check} returned `append`. Must be called before the next check. The result
   * accompanies the batch through the partition's queue.
   * @param endOffset the current end of the log
   */
  begin({ producerId, epoch, baseSequence, records }: BatchProducer, endOffset: number): PendingBatch {
    const producer = this.use(producerId);
    const batch: PendingBatch = new PendingBatch(epoch, baseSequence, records, endOffset, {
      stored: (baseOffset) => this.stored(producer, batch, baseOffset),
      failed: (error) => this.failed(producer, batch, error),
    });
    producer.pending.push(batch);
    producer.epoch = epoch;
    producer.next = addSequence(baseSequence, records);
    this.pendingCount++;
    return batch;
  }

  /** Remembers a batch found in the log. */
  replay({ producerId, epoch, baseSequence, records }: BatchProducer, baseOffset: number): void {
    const last = this.producers.get(producerId)?.stored.at(-1);
    // A snapshot may include batches beyond its own offset, which the replay of the log finds again.
    if (last !== undefined && baseOffset <= last.baseOffset) return;
    const producer = this.use(producerId);
    remember(producer, epoch, { baseSequence, records, baseOffset });
    producer.epoch = epoch;
    producer.next = addSequence(baseSequence, records);
  }

  /** The stored batches of all producers. Queued batches are not included: reading the log from `offset` finds them. */
  snapshot(endOffset: number): { offset: number; producers: ProducerSnapshot[] } {
    let offset = endOffset;
    const producers: ProducerSnapshot[] = [];
    for (const [producerId, { storedEpoch, stored, pending }] of this.producers) {
      const [first] = pending;
      if (first !== undefined) offset = Math.min(offset, first.notBefore);
      if (stored.length === 0) continue;
      const batches = stored.map(
        ({ baseSequence, records, baseOffset }) => [baseSequence, records, baseOffset] as const,
      );
      producers.push([producerId, storedEpoch, batches]);
    }
    return { offset, producers };
  }

  /** @param lostFrom the log no longer has the snapshot's batches from this offset on */
  restore(snapshot: readonly ProducerSnapshot[], lostFrom = Infinity): void {
    for (const [producerId, epoch, batches] of snapshot) {
      for (const [baseSequence, records, baseOffset] of batches) {
        if (baseOffset < lostFrom) this.replay({ producerId, epoch, baseSequence, records }, baseOffset);
      }
    }
  }

  private stored(producer: Producer, batch: PendingBatch, baseOffset: number): void {
    const { epoch, baseSequence, records } = batch;
    this.end(producer, (pending) => pending === batch);
    remember(producer, epoch, { baseSequence, records, baseOffset });
  }

  private failed(producer: Producer, batch: PendingBatch, error: unknown): void {
    const { epoch, baseSequence } = batch;
    const from = producer.pending.indexOf(batch);
    const reason = reasonFor(error);
    this.end(producer, (pending, at) => {
      // Batches of a newer epoch start a sequence of their own, so this failure does not concern them.
      const fails = at >= from && pending.epoch === epoch;
      if (fails && at > from) pending.drop(reason);
      return fails;
    });
    if (producer.epoch === epoch) producer.next = baseSequence;
  }

  private end(producer: Producer, ends: (batch: PendingBatch, at: number) => boolean): void {
    const left = producer.pending.filter((batch, at) => !ends(batch, at));
    this.pendingCount -= producer.pending.length - left.length;
    producer.pending = left;
  }

  /** Returns the producer and marks it as the most recently used one. */
  private use(producerId: number): Producer {
    const known = this.producers.get(producerId);
    const producer = known ?? { storedEpoch: -1, stored: [], pending: [], epoch: -1, next: 0 };
    this.producers.delete(producerId);
    this.producers.set(producerId, producer);
    if (this.producers.size > this.maxProducers) this.forgetOldestBut(producer);
    return producer;
  }

  private forgetOldestBut(used: Producer): void {
    for (const [producerId, producer] of this.producers) {
      if (producer === used || producer.pending.length > 0) continue;
      this.producers.delete(producerId);
      return;
    }
  }
}

function remember(producer: Producer, epoch: number, batch: StoredBatch): void {
  if (producer.storedEpoch !== epoch) {
    producer.storedEpoch = epoch;
    producer.stored = [];
  }
  producer.stored.push(batch);
  if (producer.stored.length > REMEMBERED) producer.stored.shift();
}

/** The error for the batches queued behind one that failed with `error`. */
function reasonFor(error: unknown): Error {
  const isRetried = isError(error) && RETRIED_AS_THEY_ARE.has(errorCodeOf(error));
  return isRetried ? error : new OutOfOrderError();
}

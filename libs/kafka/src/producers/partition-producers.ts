import { isError } from '@genrocks/storage';
import { errorCodeOf } from '../handlers/error-mapping.js';
import { OutOfOrderError } from '../errors.js';
import { ErrorCode } from '../protocol/error-codes.js';
import type { BatchProducer } from './batch-producer.js';
import { PendingBatch } from './pending-batch.js';
import { addSequence } from './sequence.js';

/** How many of a producer's last batches are remembered: as many as clients have in flight. */
const REMEMBERED = 5;

/** What a client tries again with the same sequence, so that the batches that follow may be answered with it too. */
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
  /** What the log has: its last epoch, and the last batches of it. */
  storedEpoch: number;
  stored: StoredBatch[];
  /** On their way to the log, in its order. */
  pending: PendingBatch[];
  /** What its next batch begins with. */
  epoch: number;
  next: number;
}

/** What is kept of producers over restarts: `[producerId, epoch, [[baseSequence, records, baseOffset], ...]]`. */
export type ProducerSnapshot = readonly [number, number, readonly (readonly [number, number, number])[]];

/** What to do with a batch. */
export type Verdict =
  | { readonly kind: 'append' }
  /** It is in the log, under this offset, or on its way there. */
  | { readonly kind: 'duplicate'; readonly stored: number | Promise<number> }
  | { readonly kind: 'refuse'; readonly errorCode: ErrorCode };

const APPEND: Verdict = { kind: 'append' };
const OUT_OF_ORDER: Verdict = { kind: 'refuse', errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER };
const OLD_EPOCH: Verdict = { kind: 'refuse', errorCode: ErrorCode.INVALID_PRODUCER_EPOCH };

/**
 * The idempotent producers of one partition: their last batches, by which a repeated one is known and a missing one
 * is noticed. Batches are judged when they join the partition's queue, after those that are not stored yet. Where one
 * fails, those of its producer after it are never stored, and the next one must be that one again: so a retry is
 * neither lost nor stored twice, and nothing overtakes it.
 *
 * The least recently used producer goes first where there are too many, but none with batches on their way.
 */
export class PartitionProducers {
  private readonly producers = new Map<number, Producer>();
  private pendingCount = 0;

  constructor(private readonly maxProducers: number) {}

  get size(): number {
    return this.producers.size;
  }

  /** Batches are on their way to the log. */
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
   * Takes a batch in that {@link check} lets append, before anything else is checked. It goes with the batch through
   * the partition's queue.
   * @param endOffset where the log ends now
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
    // A snapshot may know batches after its own offset.
    if (last !== undefined && baseOffset <= last.baseOffset) return;
    const producer = this.use(producerId);
    remember(producer, epoch, { baseSequence, records, baseOffset });
    producer.epoch = epoch;
    producer.next = addSequence(baseSequence, records);
  }

  /** Batches on their way are not in it: reading the log from `offset` on finds them. */
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

  /** @param lostFrom batches from this offset on are not in the log */
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
      // A new epoch begins anew, whatever became of the one before.
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

  /** The producer, as the most recently used one. */
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

/** What the batches after one that failed with `error` are refused with. */
function reasonFor(error: unknown): Error {
  const isRetried = isError(error) && RETRIED_AS_THEY_ARE.has(errorCodeOf(error));
  return isRetried ? error : new OutOfOrderError();
}

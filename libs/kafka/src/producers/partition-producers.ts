import { ErrorCode } from '../protocol/error-codes.js';
import type { BatchProducer } from './batch-producer.js';
import { addSequence } from './sequence.js';

/** How many of a producer's last batches are remembered: as many as clients have in flight. */
const REMEMBERED = 5;

/** A batch that is stored, or is being stored. */
interface KnownBatch {
  readonly baseSequence: number;
  readonly records: number;
  /** Undefined while the batch is being stored. */
  baseOffset: number | undefined;
  /** Where the log ended when the append began: the batch will lie at or behind it. */
  readonly notBefore: number;
  readonly stored: Promise<number>;
}

interface Producer {
  epoch: number;
  batches: KnownBatch[];
}

/** What is kept of producers over restarts: `[producerId, epoch, [[baseSequence, records, baseOffset], ...]]`. */
export type ProducerSnapshot = readonly [number, number, readonly (readonly [number, number, number])[]];

/** What to do with a batch. */
export type Verdict =
  | { readonly kind: 'append' }
  /** It was stored before (or is just being), under this offset. */
  | { readonly kind: 'duplicate'; readonly stored: Promise<number> }
  | { readonly kind: 'refuse'; readonly errorCode: ErrorCode };

/**
 * The idempotent producers of one partition: their last batches, by which a repeated one is known and a missing one
 * is noticed. The least recently used producer goes first where there are too many.
 */
export class PartitionProducers {
  private readonly producers = new Map<number, Producer>();

  constructor(private readonly maxProducers: number) {}

  get size(): number {
    return this.producers.size;
  }

  check({ producerId, epoch, baseSequence, records }: BatchProducer): Verdict {
    const known = this.producers.get(producerId);
    if (known === undefined) return { kind: 'append' };
    if (epoch < known.epoch) return { kind: 'refuse', errorCode: ErrorCode.INVALID_PRODUCER_EPOCH };
    if (epoch > known.epoch) {
      if (baseSequence === 0) return { kind: 'append' };
      return { kind: 'refuse', errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER };
    }
    const same = known.batches.find(
      (batch) => batch.baseSequence === baseSequence && batch.records === records,
    );
    if (same !== undefined) return { kind: 'duplicate', stored: same.stored };
    const last = known.batches.at(-1);
    if (last === undefined || baseSequence === addSequence(last.baseSequence, last.records)) {
      return { kind: 'append' };
    }
    return { kind: 'refuse', errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER };
  }

  /**
   * Remembers a batch that is being appended, so that what comes meanwhile is judged with it. Where the append
   * fails, the batch and those behind it are forgotten.
   */
  appending(from: BatchProducer, stored: Promise<number>, endOffset: number): void {
    const { producerId, epoch, baseSequence, records } = from;
    const producer = this.use(producerId, epoch);
    const batch: KnownBatch = { baseSequence, records, baseOffset: undefined, notBefore: endOffset, stored };
    producer.batches = [...producer.batches.slice(1 - REMEMBERED), batch];
    stored.then(
      (baseOffset) => (batch.baseOffset = baseOffset),
      () => {
        const at = producer.batches.indexOf(batch);
        if (at >= 0) producer.batches.length = at;
      },
    );
  }

  /** Remembers a batch found in the log. */
  replay({ producerId, epoch, baseSequence, records }: BatchProducer, baseOffset: number): void {
    const producer = this.use(producerId, epoch);
    // A snapshot may know batches behind its own offset.
    if (producer.batches.some((batch) => batch.baseOffset === baseOffset)) return;
    const stored = Promise.resolve(baseOffset);
    const batch = { baseSequence, records, baseOffset, notBefore: baseOffset, stored };
    producer.batches = [...producer.batches.slice(1 - REMEMBERED), batch];
  }

  /** Batches being stored are not in it: reading the log from `offset` on finds them. */
  snapshot(endOffset: number): { offset: number; producers: ProducerSnapshot[] } {
    let offset = endOffset;
    for (const { batches } of this.producers.values()) {
      for (const { baseOffset, notBefore } of batches) {
        if (baseOffset === undefined) offset = Math.min(offset, notBefore);
      }
    }
    return { offset, producers: this.storedBatches() };
  }

  restore(snapshot: readonly ProducerSnapshot[]): void {
    for (const [producerId, epoch, batches] of snapshot) {
      for (const [baseSequence, records, baseOffset] of batches) {
        this.replay({ producerId, epoch, baseSequence, records }, baseOffset);
      }
    }
  }

  private storedBatches(): ProducerSnapshot[] {
    return [...this.producers].map(([producerId, { epoch, batches }]) => [
      producerId,
      epoch,
      batches
        .filter(({ baseOffset }) => baseOffset !== undefined)
        .map(({ baseSequence, records, baseOffset }) => [baseSequence, records, baseOffset!] as const),
    ]);
  }

  /** The producer, as the most recently used one. */
  private use(producerId: number, epoch: number): Producer {
    let producer = this.producers.get(producerId);
    if (producer === undefined || producer.epoch !== epoch) producer = { epoch, batches: [] };
    this.producers.delete(producerId);
    this.producers.set(producerId, producer);
    if (this.producers.size > this.maxProducers) {
      this.producers.delete(this.producers.keys().next().value!);
    }
    return producer;
  }
}

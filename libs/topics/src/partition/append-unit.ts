import { patchBaseOffset, readBatchHeader } from '../records/batch-header.js';
import { BatchWriter, type RecordInput, recordBytes } from '../records/batch-writer.js';
import type { ScratchPool } from '../records/scratch-pool.js';

/** Notified of the outcome of one publish inside a batch. */
export interface AppendCompletion {
  /**
   * The publish is stored.
   * @param baseOffset of the batch
   */
  stored(baseOffset: number): void;
  failed(error: unknown): void;
  /**
   * Called when it is the batch's turn to be written. A returned error fails the batch instead. Default: no
   * refusal.
   */
  refusal?(): Error | undefined;
}

/** Maximum number of records in a batch. */
const MAX_RECORDS = 65_536;

/** A record batch being packed, or one packed by its producer, with the completions that wait for it. */
export class AppendUnit {
  readonly completions: AppendCompletion[] = [];
  /** Bytes of the publish budget the unit holds. */
  bytes = 0;
  /** The next unit belongs to the same call: either both are stored, or neither. */
  joined = false;
  /** When the unit was opened, by {@link Clock.monotonic}. Set only if batches linger. */
  since = 0;

  private constructor(
    private readonly writer: BatchWriter | undefined,
    private readonly raw: Buffer | undefined,
  ) {}

  static open(sizeHint: number, pool: ScratchPool): AppendUnit {
    return new AppendUnit(new BatchWriter(sizeHint, pool), undefined);
  }

  /**
   * Wraps a batch packed by its producer.
   * @param batch validated; nobody else may change it until the unit is stored or has failed
   */
  static raw(batch: Buffer): AppendUnit {
    const unit = new AppendUnit(undefined, batch);
    unit.bytes = batch.length;
    return unit;
  }

  /** Whether the unit can take a record of at most this many bytes. An empty unit takes any. */
  accepts(bound: number, maxBatchBytes: number): boolean {
    const { writer } = this;
    if (writer === undefined || this.joined) return false;
    return writer.count === 0 || (writer.bytes + bound <= maxBatchBytes && writer.count < MAX_RECORDS);
  }

  /** Packs a record and returns its index in the batch. */
  append(record: RecordInput, bound: number = recordBytes(record)): number {
    this.bytes += bound;
    this.writer!.append(record, bound);
    return this.writer!.count - 1;
  }

  get count(): number {
    return this.writer === undefined ? readBatchHeader(this.raw!).lastOffsetDelta + 1 : this.writer.count;
  }

  /** The batch was packed by its producer and is stored unchanged. */
  get isRaw(): boolean {
    return this.raw !== undefined;
  }

  /** The finished batch with its base offset. */
  finish(baseOffset: number): Buffer {
    if (this.writer !== undefined) return this.writer.finish(baseOffset);
    patchBaseOffset(this.raw!, baseOffset);
    return this.raw!;
  }

  /** Why a batch packed by its producer must not be written; undefined if it may be. */
  refusal(): Error | undefined {
    return this.raw === undefined ? undefined : this.completions[0]?.refusal?.();
  }

  stored(baseOffset: number): void {
    for (const completion of this.completions) completion.stored(baseOffset);
  }

  failed(error: unknown): void {
    for (const completion of this.completions) completion.failed(error);
  }
}

import { patchBaseOffset, readBatchHeader } from '../records/batch-header.js';
import { BatchWriter, type RecordInput, recordBytes } from '../records/batch-writer.js';
import type { ScratchPool } from '../records/scratch-pool.js';

/** Told what became of one publish inside a batch. */
export interface AppendCompletion {
  /** @param baseOffset of the batch */
  stored(baseOffset: number): void;
  failed(error: unknown): void;
  /** Asked when the batch's turn to be written has come: an error to fail it with instead. Default: none. */
  refusal?(): Error | undefined;
}

/** Most records in one batch. */
const MAX_RECORDS = 65_536;

/** One record batch in the making, or one that came packed, with those who wait for it. */
export class AppendUnit {
  readonly completions: AppendCompletion[] = [];
  /** Bytes of the publish budget it holds. */
  bytes = 0;
  /** The next unit belongs to the same call: both are stored, or neither. */
  joined = false;
  /** Where batches wait for more messages: when this one was opened, by {@link Clock.monotonic}. */
  since = 0;

  private constructor(
    private readonly writer: BatchWriter | undefined,
    private readonly raw: Buffer | undefined,
  ) {}

  static open(sizeHint: number, pool: ScratchPool): AppendUnit {
    return new AppendUnit(new BatchWriter(sizeHint, pool), undefined);
  }

  /** @param batch validated, and nobody else's until the unit has stored it or failed */
  static raw(batch: Buffer): AppendUnit {
    const unit = new AppendUnit(undefined, batch);
    unit.bytes = batch.length;
    return unit;
  }

  /** Can it take a record of at most this many bytes? An empty one takes any. */
  accepts(bound: number, maxBatchBytes: number): boolean {
    const { writer } = this;
    if (writer === undefined || this.joined) return false;
    return writer.count === 0 || (writer.bytes + bound <= maxBatchBytes && writer.count < MAX_RECORDS);
  }

  /** Packs a record; returns its place in the batch. */
  append(record: RecordInput, bound: number = recordBytes(record)): number {
    this.bytes += bound;
    this.writer!.append(record, bound);
    return this.writer!.count - 1;
  }

  get count(): number {
    return this.writer === undefined ? readBatchHeader(this.raw!).lastOffsetDelta + 1 : this.writer.count;
  }

  /** It came packed, and stays as it came. */
  get isRaw(): boolean {
    return this.raw !== undefined;
  }

  /** The batch at its place in the log. */
  finish(baseOffset: number): Buffer {
    if (this.writer !== undefined) return this.writer.finish(baseOffset);
    patchBaseOffset(this.raw!, baseOffset);
    return this.raw!;
  }

  /** Why a batch that came packed must not be written any more. */
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

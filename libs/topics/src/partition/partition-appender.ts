import type { PartitionStore } from '@genrocks/storage';
import { TopicStoppedError } from '../errors.js';
import { Fifo } from '../fifo.js';
import { BATCH_HEADER_BYTES } from '../records/batch-header.js';
import { copyRecord, type RecordInput, recordBytes } from '../records/batch-writer.js';
import { Admission } from './admission.js';
import { type AppendCompletion, AppendUnit } from './append-unit.js';
import type {
  AppenderEnvironment,
  AppenderListener,
  AppenderSettings,
  GroupCompletion,
} from './appender.types.js';
import { GroupWrite, mayBeStored } from './group-write.js';
import type { TimeOrder } from './time-order.js';

/** Waiting batches go to the store in one atomic write of up to about this many bytes. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024;

type Task = AppendUnit | { run(): Promise<void> };

/**
 * The single writer of a partition, with group commit: publishes that arrive during a write are packed into
 * the next batch, and everything that waits goes out in one write. Offsets are assigned in the order of the
 * calls. Readers see a batch only when its write has resolved.
 */
export class PartitionAppender {
  private readonly tasks = new Fifo<Task>();
  private readonly admission: Admission;
  private open: AppendUnit | undefined;
  private running = false;
  /** Number of group writes started so far. */
  writes = 0;
  private closed = false;
  private idle: (() => void)[] = [];
  /** Ends the linger of a batch. */
  private hurry: AbortController | undefined;

  constructor(
    private readonly topic: string,
    partition: number,
    private readonly store: PartitionStore,
    private nextOffset: number,
    private readonly times: TimeOrder,
    private readonly environment: AppenderEnvironment,
    private readonly listener: AppenderListener,
    private readonly settings: AppenderSettings,
  ) {
    this.admission = new Admission(topic, partition, environment.budget);
  }

  /** The offset the next record will get. */
  get next(): number {
    return this.nextOffset;
  }

  /** A write is in progress or about to start. */
  get isWriting(): boolean {
    return this.running;
  }

  get pendingBytes(): number {
    return this.admission.bytes;
  }

  /**
   * Queues the records of one call. Either all of them are stored, or none.
   * @throws {BackpressureError} `BACKPRESSURE`
   */
  append(records: readonly RecordInput[], completion: GroupCompletion): void {
    this.assertOpen();
    let bytes = 0;
    for (const record of records) bytes += recordBytes(record);
    if (this.admission.enters(bytes)) return this.pack(records, bytes, completion);
    this.wait(bytes, () => {
      // Copy, because the caller may change its buffers as soon as this returns.
      const copies = records.map(copyRecord);
      return () => this.pack(copies, bytes, completion);
    });
  }

  /**
   * Queues a batch packed by its producer. `batch` must be validated, and nobody else may change it before
   * the completion is called.
   * @throws {BackpressureError} `BACKPRESSURE`
   */
  appendRaw(batch: Buffer, completion: AppendCompletion): void {
    this.assertOpen();
    const unit = AppendUnit.raw(batch);
    unit.completions.push(completion);
    const queue = () => {
      this.open = undefined;
      this.push(unit);
    };
    if (this.admission.enters(unit.bytes)) queue();
    else this.wait(unit.bytes, () => queue);
  }

  /** Runs an action between two writes, in the order of the calls. */
  exclusively(action: () => Promise<void>): Promise<void> {
    this.assertOpen();
    this.open = undefined;
    return new Promise((resolve, reject) => {
      this.push({ run: () => action().then(resolve, reject) });
    });
  }

  /** Raises the next offset; never lowers it. */
  raiseTo(offset: number): void {
    if (offset > this.nextOffset) this.nextOffset = offset;
  }

  /** Refuses further publishes and waits for the accepted ones. */
  async close(): Promise<void> {
    this.closed = true;
    this.hurry?.abort();
    if (this.running) await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private assertOpen(): void {
    if (this.closed) throw new TopicStoppedError(this.topic);
  }

  private wait(bytes: number, keep: () => () => void): void {
    this.admission.wait(bytes, keep);
    this.hurry?.abort();
  }

  private pack(records: readonly RecordInput[], bytes: number, completion: GroupCompletion): void {
    let unit = this.open;
    if (unit === undefined || !unit.accepts(bytes, this.environment.maxBatchBytes))
      unit = this.openUnit(bytes);
    let first = 0;
    let delta = unit.count;
    for (let i = 0; i < records.length; i++) {
      const record = records[i]!;
      const bound = recordBytes(record);
      if (!unit.accepts(bound, this.environment.maxBatchBytes)) {
        unit.completions.push(completion.part(first, i - first, delta));
        unit.joined = true;
        unit = this.openUnit(bytes);
        first = i;
        delta = 0;
      }
      unit.append(record, bound);
    }
    unit.completions.push(completion.part(first, records.length - first, delta));
  }

  private openUnit(bytes: number): AppendUnit {
    const { scratch } = this.environment;
    const unit = AppendUnit.open(Math.min(bytes + BATCH_HEADER_BYTES, scratch.bytes), scratch);
    if (this.settings.lingerMs > 0) unit.since = this.environment.clock.monotonic();
    this.open = unit;
    this.push(unit);
    return unit;
  }

  private push(task: Task): void {
    this.tasks.push(task);
    this.hurry?.abort();
    if (this.running) return;
    this.running = true;
    // Start a microtask later, so that publishes of the same turn share the batch.
    queueMicrotask(() => void this.run());
  }

  private async run(): Promise<void> {
    for (let task = this.tasks.at(0); task !== undefined; task = this.tasks.at(0)) {
      if (task instanceof AppendUnit) {
        if (this.settings.lingerMs > 0) await this.linger(task);
        const { units, bytes } = this.takeUnits();
        if (units.length > 0) await this.write(units);
        this.admission.give(bytes);
        const over = this.environment.turn.over();
        if (over !== undefined) await over;
      } else {
        this.tasks.shift();
        await task.run();
      }
    }
    this.running = false;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  /** Waits for more messages while the batch is open and nothing is queued behind it. */
  private async linger(unit: AppendUnit): Promise<void> {
    const { clock } = this.environment;
    const left = () => unit.since + this.settings.lingerMs - clock.monotonic();
    while (unit === this.open && this.tasks.length === 1 && !this.admission.isFull && !this.closed) {
      const ms = left();
      if (ms <= 0) return;
      this.hurry = new AbortController();
      await clock.sleep(ms, this.hurry.signal);
      this.hurry = undefined;
    }
  }

  /** Takes the units for the next write, and fails those that are refused. `bytes` counts both. */
  private takeUnits(): { units: AppendUnit[]; bytes: number } {
    const units: AppendUnit[] = [];
    let bytes = 0;
    for (let task = this.tasks.at(0); task instanceof AppendUnit; task = this.tasks.at(0)) {
      const inSameCall = units[units.length - 1]?.joined === true;
      if (units.length > 0 && !inSameCall && bytes + task.bytes > MAX_WRITE_BYTES) break;
      this.tasks.shift();
      bytes += task.bytes;
      if (task === this.open) this.open = undefined;
      const refusal = task.refusal();
      if (refusal === undefined) units.push(task);
      else this.fail([task], task.count, refusal);
    }
    return { units, bytes };
  }

  private async write(units: readonly AppendUnit[]): Promise<void> {
    this.writes++;
    const write = new GroupWrite(units, this.nextOffset);
    try {
      await write.run(this.store, this.settings.compression, this.times);
    } catch (error) {
      if (mayBeStored(error)) this.nextOffset = write.endOffset;
      return this.fail(units, write.records, error);
    }
    this.nextOffset = write.endOffset;
    this.listener.onStored(write.batches, write.endOffset, write.records, write.bytes);
    units.forEach((unit, i) => unit.stored(write.bases[i]!));
  }

  private fail(units: readonly AppendUnit[], records: number, error: unknown): void {
    this.listener.onFailed(records, error);
    for (const unit of units) unit.failed(error);
  }
}

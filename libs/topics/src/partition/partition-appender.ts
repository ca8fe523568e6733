import { isGenRocksError, type PartitionStore } from '@genrocks/storage';
import type { Clock } from '../clock.js';
import { BackpressureError, TopicStoppedError } from '../errors.js';
import { Fifo } from '../fifo.js';
import { BATCH_HEADER_BYTES, type Compression } from '../records/batch-header.js';
import { copyRecord, type RecordInput, recordBytes } from '../records/batch-writer.js';
import { compressBatch } from '../records/compression.js';
import type { ScratchPool } from '../records/scratch-pool.js';
import { type AppendCompletion, AppendUnit } from './append-unit.js';
import { offsetKey } from './offset-key.js';
import type { Turn } from '../turn.js';
import type { PublishBudget } from './publish-budget.js';

/** Batches that wait together go to the store in one atomic write of up to about this many bytes. */
const MAX_WRITE_BYTES = 4 * 1024 * 1024;

/**
 * Errors after which the store is known to hold nothing of a write, so that its offsets can be given again. After
 * any other the write may still come to light, and its offsets are never used for anything else.
 */
const NOTHING_STORED = new Set([
  'NO_SPACE',
  'LOG_FULL',
  'RETENTION_FULL',
  'TOO_LARGE',
  'INVALID_ARGUMENT',
  'NOT_SUPPORTED',
  'UNSUPPORTED_COMPRESSION',
]);

/** What the appender tells its partition. */
export interface AppenderListener {
  /** Batches are durable and now end at `endOffset`; called before their publishers hear of it. */
  onStored(batches: readonly Buffer[], endOffset: number, records: number, bytes: number): void;
  onFailed(records: number, error: unknown): void;
}

/** What the appenders of a service share. */
export interface AppenderEnvironment {
  readonly budget: PublishBudget;
  readonly turn: Turn;
  readonly scratch: ScratchPool;
  /** Records that wait are packed into batches up to this size. */
  readonly maxBatchBytes: number;
  readonly clock: Clock;
}

/** What the partition's topic decides of writing. */
export interface AppenderSettings {
  readonly compression: Compression;
  /** Milliseconds a batch waits for more messages. */
  readonly lingerMs: number;
}

/** A call that waits for room. */
interface Waiting {
  readonly bytes: number;
  admit(): void;
}

/** Makes the completion of records that were packed from `first` on at `delta` of their batch. */
export interface GroupCompletion {
  part(first: number, count: number, delta: number): AppendCompletion;
  failed(error: unknown): void;
}

type Task = AppendUnit | { run(): Promise<void> };

/**
 * The one writer of a partition. Publishes that arrive while a write is under way are packed into the next batch,
 * and the whole of what waits goes out as one write: group commit by packing. Offsets are given in the order of the
 * calls, and readers see a batch only when its write has resolved.
 */
export class PartitionAppender {
  private readonly tasks = new Fifo<Task>();
  private readonly waiting = new Fifo<Waiting>();
  private open: AppendUnit | undefined;
  private running = false;
  /** Groups whose write has begun. */
  writes = 0;
  private closed = false;
  private heldBytes = 0;
  private waitingBytes = 0;
  private idle: (() => void)[] = [];
  /** Ends the wait of a batch for more messages. */
  private hurry: AbortController | undefined;

  constructor(
    private readonly topic: string,
    private readonly partition: number,
    private readonly store: PartitionStore,
    private nextOffset: number,
    private readonly environment: AppenderEnvironment,
    private readonly listener: AppenderListener,
    private readonly settings: AppenderSettings,
  ) {}

  /** The offset the next record will get. */
  get next(): number {
    return this.nextOffset;
  }

  /** Something is under way or about to begin. */
  get isWriting(): boolean {
    return this.running;
  }

  get pendingBytes(): number {
    return this.heldBytes + this.waitingBytes;
  }

  /**
   * Queues records of one call; all of them are stored, or none.
   * @throws {BackpressureError} `BACKPRESSURE`
   */
  append(records: readonly RecordInput[], completion: GroupCompletion): void {
    this.assertOpen();
    let bytes = 0;
    for (const record of records) bytes += recordBytes(record);
    if (this.waiting.length === 0 && this.hasRoom(bytes)) this.admit(records, bytes, completion);
    else {
      this.enqueue(bytes, () => {
        // The caller may change its buffers as soon as the call returns.
        const copies = records.map(copyRecord);
        return () => this.admit(copies, bytes, completion);
      });
    }
  }

  /**
   * Queues a batch that came packed. `batch` must be validated, and not be changed by anybody else until the
   * completion is told.
   * @throws {BackpressureError} `BACKPRESSURE`
   */
  appendRaw(batch: Buffer, completion: AppendCompletion): void {
    this.assertOpen();
    const unit = AppendUnit.raw(batch);
    unit.completions.push(completion);
    if (this.waiting.length === 0 && this.hasRoom(unit.bytes)) this.admitRaw(unit);
    else this.enqueue(unit.bytes, () => () => this.admitRaw(unit));
  }

  /** Runs an action between two writes, in the order of the calls. */
  exclusively(action: () => Promise<void>): Promise<void> {
    this.assertOpen();
    this.open = undefined;
    return new Promise((resolve, reject) => {
      this.push({ run: () => action().then(resolve, reject) });
    });
  }

  /** Moves the next offset up, never down. */
  raiseTo(offset: number): void {
    if (offset > this.nextOffset) this.nextOffset = offset;
  }

  /** Refuses further publishes and waits for those accepted. */
  async close(): Promise<void> {
    this.closed = true;
    this.hurry?.abort();
    if (this.running) await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  private assertOpen(): void {
    if (this.closed) throw new TopicStoppedError(this.topic);
  }

  private hasRoom(bytes: number): boolean {
    // An empty partition always takes one call, however large: nobody would be left to make room for it.
    if (this.heldBytes === 0) return true;
    return this.heldBytes + bytes <= this.environment.budget.share && this.environment.budget.hasRoom(bytes);
  }

  /** @param keep makes what the call needs its own, and says how to admit it */
  private enqueue(bytes: number, keep: () => () => void): void {
    if (this.waiting.length > 0 && this.waitingBytes + bytes > this.environment.budget.share)
      throw this.backpressure();
    this.waiting.push({ bytes, admit: keep() });
    this.waitingBytes += bytes;
    this.hurry?.abort();
  }

  private admitRaw(unit: AppendUnit): void {
    this.take(unit.bytes);
    this.open = undefined;
    this.push(unit);
  }

  private backpressure(): BackpressureError {
    return new BackpressureError(
      this.topic,
      this.partition,
      this.pendingBytes,
      this.environment.budget.share,
    );
  }

  private admit(records: readonly RecordInput[], bytes: number, completion: GroupCompletion): void {
    this.take(bytes);
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
    if (this.settings.lingerMs > 0) unit.since = this.environment.clock.now();
    this.open = unit;
    this.push(unit);
    return unit;
  }

  private push(task: Task): void {
    this.tasks.push(task);
    this.hurry?.abort();
    if (this.running) return;
    this.running = true;
    // A microtask later, so that publishes of the same turn share the batch.
    queueMicrotask(() => void this.run());
  }

  private take(bytes: number): void {
    this.heldBytes += bytes;
    this.environment.budget.take(bytes);
  }

  private async run(): Promise<void> {
    for (let task = this.tasks.at(0); task !== undefined; task = this.tasks.at(0)) {
      if (task instanceof AppendUnit) {
        if (this.settings.lingerMs > 0) await this.linger(task);
        const units = this.takeUnits();
        await this.write(units);
        this.release(units);
        this.admitWaiting();
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

  /** Waits for more messages, as long as the batch takes any and nothing else waits behind it. */
  private async linger(unit: AppendUnit): Promise<void> {
    const { clock } = this.environment;
    const left = () => unit.since + this.settings.lingerMs - clock.now();
    while (unit === this.open && this.tasks.length === 1 && this.waiting.length === 0 && !this.closed) {
      const ms = left();
      if (ms <= 0) return;
      this.hurry = new AbortController();
      await clock.sleep(ms, this.hurry.signal);
      this.hurry = undefined;
    }
  }

  private takeUnits(): AppendUnit[] {
    const units: AppendUnit[] = [];
    let bytes = 0;
    for (let task = this.tasks.at(0); task instanceof AppendUnit; task = this.tasks.at(0)) {
      const inSameCall = units[units.length - 1]?.joined === true;
      if (units.length > 0 && !inSameCall && bytes + task.bytes > MAX_WRITE_BYTES) break;
      units.push(task);
      bytes += task.bytes;
      this.tasks.shift();
      if (task === this.open) this.open = undefined;
    }
    return units;
  }

  private async write(units: readonly AppendUnit[]): Promise<void> {
    this.writes++;
    const { compression } = this.settings;
    const firstOffset = this.nextOffset;
    const bases: number[] = [];
    const batches: Buffer[] = [];
    let next = firstOffset;
    let bytes = 0;
    for (const unit of units) {
      bases.push(next);
      next += unit.count;
    }
    try {
      for (let i = 0; i < units.length; i++) {
        const unit = units[i]!;
        let batch = unit.finish(bases[i]!);
        if (compression !== 'none' && !unit.isRaw) batch = await compressBatch(batch, compression);
        batches.push(batch);
        bytes += batch.length;
      }
      await this.putAll(bases, batches);
    } catch (error) {
      if (!isGenRocksError(error) || !NOTHING_STORED.has(error.code)) this.nextOffset = next;
      this.listener.onFailed(next - firstOffset, error);
      for (const unit of units) unit.failed(error);
      return;
    }
    this.nextOffset = next;
    this.listener.onStored(batches, next, next - firstOffset, bytes);
    units.forEach((unit, i) => unit.stored(bases[i]!));
  }

  private putAll(bases: readonly number[], batches: readonly Buffer[]): Promise<void> {
    if (batches.length === 1) return this.store.put(offsetKey(bases[0]!), batches[0]!);
    return this.store.batch(
      batches.map((value, i) => ({ type: 'put', key: offsetKey(bases[i]!), value }) as const),
    );
  }

  private release(units: readonly AppendUnit[]): void {
    let bytes = 0;
    for (const unit of units) bytes += unit.bytes;
    this.heldBytes -= bytes;
    this.environment.budget.give(bytes);
  }

  private admitWaiting(): void {
    for (let next = this.waiting.at(0); next !== undefined; next = this.waiting.at(0)) {
      if (!this.hasRoom(next.bytes)) return;
      this.waiting.shift();
      this.waitingBytes -= next.bytes;
      next.admit();
    }
  }
}

import { InvalidMessageError, OffsetOutOfRangeError } from '../errors.js';
import { offsetKey } from './offset-key.js';
import type { PartitionLife } from './partition-life.js';
import type { BatchPlace, PartitionReader } from './partition-reader.js';
import type { PartitionOwner } from './partition.types.js';
import type { CachedTail } from './tail-cache.js';

/** Where a partition's log begins and ends. Both only ever grow. */
export class LogBounds {
  private first = 0;
  private next = 0;
  private startIsStale = false;
  /** Finds the start again. Who reads meanwhile waits for it, or would read over the hole without a word. */
  private refreshing: Promise<void> | undefined;
  private foundEnd = 0;
  /** The lowest offset some group still needs, as the store was told last. */
  private neededFrom: number | null = null;

  constructor(
    private readonly owner: PartitionOwner,
    private readonly partition: number,
    private readonly life: PartitionLife,
    private readonly tail: CachedTail,
  ) {}

  /** The earliest offset that can be read. */
  get start(): number {
    return this.first;
  }

  /** The offset after the last record that is stored. */
  get end(): number {
    return this.next;
  }

  /** Where the log ended when it was opened: what had offsets from here on by then is lost. */
  get lostFrom(): number {
    return this.foundEnd;
  }

  /** Batches were dropped, and it is not known yet what is the first. */
  get isStale(): boolean {
    return this.startIsStale || this.refreshing !== undefined;
  }

  /**
   * Takes the bounds from the store; the end is never below `floor`, whatever it holds.
   * @returns the last batch, where there is one
   */
  async find(reader: PartitionReader, logStart: number, floor: number): Promise<BatchPlace | undefined> {
    const bounds = await reader.bounds();
    this.first = Math.max(logStart, bounds?.first.baseOffset ?? 0);
    this.foundEnd = Math.max(this.first, bounds?.last.nextOffset ?? 0);
    this.next = Math.max(this.foundEnd, floor);
    if (bounds === undefined) this.first = this.next;
    return bounds?.last;
  }

  /** Records up to here are stored. */
  extendTo(end: number): void {
    this.next = end;
  }

  /** Retention dropped the oldest batches. */
  onEvicted(): void {
    this.startIsStale = true;
  }

  /** Finds the start again where batches were dropped. */
  async refresh(): Promise<void> {
    while (this.isStale) {
      this.refreshing ??= this.findStart().finally(() => (this.refreshing = undefined));
      await this.refreshing;
    }
  }

  private async findStart(): Promise<void> {
    this.startIsStale = false;
    try {
      const first = await this.life.opened().reader.firstBase();
      if (first !== undefined && first > this.first) this.first = first;
    } catch (error) {
      this.startIsStale = true;
      throw error;
    }
  }

  async truncate(): Promise<void> {
    const { appender, store } = this.life.opened();
    await appender.exclusively(async () => {
      const next = appender.next;
      // First the promise that offsets go on from here, then the data: a crash in between keeps both.
      await this.owner.saveLogStart(this.partition, next);
      // Removed they are from here on, whatever becomes of the data: the next start would not give them back.
      this.tail.clear();
      this.first = this.next = next;
      this.owner.watcher?.truncated(this.partition);
      await store.truncate();
    });
  }

  async deleteRecords(before: number): Promise<void> {
    if (!Number.isSafeInteger(before) || before < 0 || before > this.next) throw this.outOfRange(before);
    const { appender, store } = this.life.opened();
    await appender.exclusively(async () => {
      await this.refresh();
      if (before <= this.first) return;
      // First the promise that nothing before it comes back, then the data: a crash in between keeps the promise.
      await this.owner.saveLogStart(this.partition, before);
      this.first = before;
      if (before === appender.next) {
        this.tail.clear();
        await store.truncate();
      } else {
        const base = await this.life.opened().reader.floorBase(before);
        if (base !== undefined) await store.discardBefore(offsetKey(base));
        // Reads under way may have missed what is gone now: they look again.
        this.startIsStale = true;
        await this.retainFrom(this.neededFrom);
      }
    });
  }

  async skipTo(offset: number): Promise<void> {
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw new InvalidMessageError(
        `${offset} is not an offset; it must be a whole number from 0 to 2^53 - 1`,
      );
    const { appender } = this.life.opened();
    await appender.exclusively(async () => {
      if (offset <= appender.next) return;
      const isEmpty = this.first === this.next;
      if (isEmpty) await this.owner.saveLogStart(this.partition, offset);
      appender.raiseTo(offset);
      this.next = offset;
      if (isEmpty) this.first = offset;
    });
  }

  /** Tells the store the lowest offset some group still needs; null where nobody reads. */
  async retainFrom(offset: number | null): Promise<void> {
    const { store, reader } = this.life.opened();
    this.neededFrom = offset;
    if (offset === null) return store.retainFrom(null);
    const base = await reader.floorBase(Math.min(Math.max(offset, this.first), this.next));
    store.retainFrom(offsetKey(base ?? offset));
  }

  /** @throws `OFFSET_OUT_OF_RANGE` for what is not between the start and the end */
  require(offset: number): void {
    if (!Number.isInteger(offset) || offset < this.first || offset > this.next) throw this.outOfRange(offset);
  }

  private outOfRange(offset: number): OffsetOutOfRangeError {
    return new OffsetOutOfRangeError(this.owner.name, this.partition, offset, this.first, this.next);
  }
}

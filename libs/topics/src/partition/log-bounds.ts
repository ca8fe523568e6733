import { InvalidMessageError, OffsetOutOfRangeError } from '../errors.js';
import { offsetKey } from './offset-key.js';
import type { PartitionLife } from './partition-life.js';
import type { BatchPlace, PartitionReader } from './partition-reader.js';
import type { PartitionOwner } from './partition.types.js';
import type { CachedTail } from './tail-cache.js';

/** Where a partition's log starts and ends. Both bounds only ever grow. */
export class LogBounds {
  private first = 0;
  private next = 0;
  private startIsStale = false;
  /** The search for the new start. Reads wait for it; otherwise they would silently read past the hole. */
  private refreshing: Promise<void> | undefined;
  private foundEnd = 0;
  /** The lowest offset some group still needs, as last told to the store. */
  private neededFrom: number | null = null;

  constructor(
    private readonly owner: PartitionOwner,
    private readonly partition: number,
    private readonly life: PartitionLife,
    private readonly tail: CachedTail,
  ) {}

  /** The lowest offset that can be read. */
  get start(): number {
    return this.first;
  }

  /** The offset after the last stored record. */
  get end(): number {
    return this.next;
  }

  /** Where the log ended when it was opened. Records that had offsets from here on before that are lost. */
  get lostFrom(): number {
    return this.foundEnd;
  }

  /** Batches were dropped, and the new start is not known yet. */
  get isStale(): boolean {
    return this.startIsStale || this.refreshing !== undefined;
  }

  /**
   * Reads the bounds from the store. The end is never below `floor`.
   * @returns the last batch, if there is one
   */
  async find(reader: PartitionReader, logStart: number, floor: number): Promise<BatchPlace | undefined> {
    const bounds = await reader.bounds();
    this.first = Math.max(logStart, bounds?.first.baseOffset ?? 0);
    this.foundEnd = Math.max(this.first, bounds?.last.nextOffset ?? 0);
    this.next = Math.max(this.foundEnd, floor);
    if (bounds === undefined) this.first = this.next;
    return bounds?.last;
  }

  /** Records below this offset are stored. */
  extendTo(end: number): void {
    this.next = end;
  }

  /** Called when retention has dropped the oldest batches. */
  onEvicted(): void {
    this.startIsStale = true;
  }

  /** Finds the new start if batches were dropped. */
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
      // Persist first that offsets continue from here, then drop the data: data left by a crash in between
      // stays hidden, and no offset is used twice.
      await this.owner.saveLogStart(this.partition, next);
      // From here on the records count as removed even if dropping the data fails: the next start ignores
      // them.
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
      // Persist the new start first, then drop the data: after a crash in between, the removed records stay
      // hidden.
      await this.owner.saveLogStart(this.partition, before);
      this.first = before;
      if (before === appender.next) {
        this.tail.clear();
        await store.truncate();
      } else {
        const base = await this.life.opened().reader.floorBase(before);
        if (base !== undefined) await store.discardBefore(offsetKey(base));
        // Makes reads in flight check the start again: they may have missed batches that were just dropped.
        this.startIsStale = true;
        await this.retainFrom(this.neededFrom);
      }
    });
  }

  async skipTo(offset: number): Promise<void> {
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw new InvalidMessageError(
        `${offset} is not a valid offset; it must be a whole number from 0 to 2^53 - 1`,
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

  /** Tells the store the lowest offset that some group still needs; null if no group reads. */
  async retainFrom(offset: number | null): Promise<void> {
    const { store, reader } = this.life.opened();
    this.neededFrom = offset;
    if (offset === null) return store.retainFrom(null);
    const base = await reader.floorBase(Math.min(Math.max(offset, this.first), this.next));
    store.retainFrom(offsetKey(base ?? offset));
  }

  /**
   * Checks that an offset lies between the start and the end.
   * @throws `OFFSET_OUT_OF_RANGE` if not
   */
  require(offset: number): void {
    if (!Number.isInteger(offset) || offset < this.first || offset > this.next) throw this.outOfRange(offset);
  }

  private outOfRange(offset: number): OffsetOutOfRangeError {
    return new OffsetOutOfRangeError(this.owner.name, this.partition, offset, this.first, this.next);
  }
}

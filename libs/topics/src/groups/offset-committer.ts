import type { TopicsEvents } from '../events.js';
import type { TopicPartition } from './assignment.js';
import type { OffsetCommit } from './group.types.js';

/** Shortest pause before a failed commit is retried. */
const RETRY_MS = 500;
/** Fraction of the interval after which the next finished message triggers the commit. */
const DUE_AT = 0.9;

/**
 * Collects the handled offsets of one member and commits them together, once per interval.
 *
 * In the last tenth of the interval, the commit goes out right after a message that is done, if there is one.
 * At that moment the handler's own write has ended and the next has hardly begun. A timer would fire together
 * with those of publishers, and two synced writes at once wait for each other.
 */
export class OffsetCommitter {
  private readonly dirty = new Map<TopicPartition, number>();
  private timer: NodeJS.Timeout | undefined;
  /** The next message that is done triggers a commit. */
  private isDue = false;
  private flushing: Promise<boolean> | undefined;
  private closed = false;
  /**
   * Partitions released while their commit was in flight: if it fails, their offsets must not be queued
   * again.
   */
  private readonly gone = new WeakSet<TopicPartition>();
  private lastError: unknown;
  /** Offsets committed so far. */
  commits = 0;

  constructor(
    private readonly group: string,
    private readonly commit: (commits: readonly OffsetCommit[]) => Promise<void>,
    private readonly events: TopicsEvents,
    private readonly intervalMs: number,
  ) {}

  /**
   * Records an offset to commit.
   * @param place the same object for the whole duration of an assignment
   */
  done(place: TopicPartition, offset: number): void {
    this.dirty.set(place, offset);
    if (this.intervalMs === 0) {
      if (this.flushing === undefined) void this.flush();
    } else if (this.isDue && this.flushing === undefined) void this.flush();
    else this.schedule(this.intervalMs);
  }

  /** Drops the pending offset of a partition, which is not committed any more. */
  forget(place: TopicPartition): void {
    this.dirty.delete(place);
    this.gone.add(place);
  }

  /** Commits what is done so far; false if that failed. */
  async flush(): Promise<boolean> {
    while (this.flushing !== undefined) await this.flushing;
    if (this.dirty.size === 0) return true;
    this.flushing = this.write();
    const ok = await this.flushing;
    if (this.dirty.size > 0 && !this.closed) {
      if (ok && this.intervalMs === 0) void this.flush();
      else this.schedule(ok ? this.intervalMs : Math.max(RETRY_MS, this.intervalMs));
    }
    return ok;
  }

  /**
   * Commits what is done so far.
   * @throws the store's error
   */
  async commitNow(): Promise<void> {
    if (!(await this.flush())) throw this.lastError;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.endWait();
    await this.flush();
  }

  private async write(): Promise<boolean> {
    const batch = [...this.dirty];
    this.dirty.clear();
    this.endWait();
    try {
      await this.commit(batch.map(([{ topic, partition }, offset]) => ({ topic, partition, offset })));
      this.commits += batch.length;
      return true;
    } catch (error) {
      this.lastError = error;
      for (const [place, offset] of batch) {
        if (this.gone.has(place)) continue;
        if (!this.dirty.has(place)) this.dirty.set(place, offset);
        this.events.send('consumer-error', { group: this.group, ...place, error });
      }
      return false;
    } finally {
      this.flushing = undefined;
    }
  }

  private schedule(ms: number): void {
    if (this.timer !== undefined || this.closed) return;
    const dueMs = Math.floor(ms * DUE_AT);
    const flush = () => {
      this.endWait();
      void this.flush();
    };
    const wait = () => {
      this.isDue = true;
      this.timer = setTimeout(flush, ms - dueMs);
    };
    this.timer = setTimeout(wait, dueMs);
  }

  private endWait(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.isDue = false;
  }
}

import type { TopicsEvents } from '../events.js';
import type { TopicPartition } from './assignment.js';
import type { OffsetCommit } from './group.types.js';

/** Pause before a commit that failed is tried again, at least. */
const RETRY_MS = 500;
/** Part of the interval after which a commit waits for nothing but its moment. */
const DUE_AT = 0.9;

/**
 * Gathers handled offsets of one member and commits them together, every so often: right after a message that is done,
 * where one comes in the last part of the interval. Its own write is over then and the next has hardly begun, while a
 * timer goes off together with those of publishers, and two synced writes at once wait for each other.
 */
export class OffsetCommitter {
  private readonly dirty = new Map<TopicPartition, number>();
  private timer: NodeJS.Timeout | undefined;
  /** A commit goes after the next message that is done. */
  private isDue = false;
  private flushing: Promise<boolean> | undefined;
  private closed = false;
  /** What was let go of while its commit was under way must not come back with it. */
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

  /** @param place always the same object for one assignment */
  done(place: TopicPartition, offset: number): void {
    this.dirty.set(place, offset);
    if (this.intervalMs === 0) {
      if (this.flushing === undefined) void this.flush();
    } else if (this.isDue && this.flushing === undefined) void this.flush();
    else this.schedule(this.intervalMs);
  }

  /** Nothing of this partition is committed any more. */
  forget(place: TopicPartition): void {
    this.dirty.delete(place);
    this.gone.add(place);
  }

  /** Commits all that is done by now; false where that failed. */
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
   * Commits all that is done by now.
   * @throws what the store says
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

import type { TopicsEvents } from '../events.js';
import type { TopicPartition } from './assignment.js';
import type { OffsetCommit } from './group.types.js';

/** Pause before a commit that failed is tried again, at least. */
const RETRY_MS = 500;

/** Gathers handled offsets of one member and commits them together, every so often. */
export class OffsetCommitter {
  private readonly dirty = new Map<TopicPartition, number>();
  private timer: NodeJS.Timeout | undefined;
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
    } else this.schedule(this.intervalMs);
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
    clearTimeout(this.timer);
    await this.flush();
  }

  private async write(): Promise<boolean> {
    const batch = [...this.dirty];
    this.dirty.clear();
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
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.flush();
    }, ms);
  }
}

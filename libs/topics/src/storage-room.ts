import { isGenRocksError } from '@genrocks/storage';
import type { Clock } from './clock.js';
import type { TopicsEvents } from './events.js';

/** On a device that is almost full small writes succeed between others that do not: so long none must be refused. */
const QUIET_MS = 5_000;

/** Writes that fail for the same reason as one before, so soon after it, are nothing new. */
const REPEATED_MS = 60_000;

/**
 * What becomes of the writes to an adapter. Whether it has room for them is told once when it has not, and once when it
 * has again, however many writes are refused in between; every write that fails is told by `write-failed`.
 */
export class StorageRoom {
  private full: { readonly since: number; last: number; refusals: number } | undefined;
  /** When a code was last told as new. There are few codes. */
  private readonly news = new Map<string, number>();

  constructor(
    private readonly adapter: string,
    private readonly clock: Clock,
    private readonly events: TopicsEvents,
  ) {}

  wrote(): void {
    const { full, adapter } = this;
    if (full === undefined) return;
    const now = this.clock.monotonic();
    if (now - full.last < QUIET_MS) return;
    this.full = undefined;
    const { refusals, since } = full;
    this.events.send('storage-has-room', { adapter, refusals, ms: Math.round(now - since) });
  }

  /** @param error of any write that failed */
  failed(error: unknown): void {
    const now = this.clock.monotonic();
    const code = isGenRocksError(error) ? error.code : 'OTHER';
    this.events.send('write-failed', { adapter: this.adapter, code, error, isNew: this.isNew(code, now) });
    if (!isGenRocksError(error, 'NO_SPACE')) return;
    if (this.full !== undefined) {
      this.full.last = now;
      this.full.refusals++;
      return;
    }
    this.full = { since: now, last: now, refusals: 1 };
    this.events.send('storage-full', { adapter: this.adapter, error });
  }

  private isNew(code: string, now: number): boolean {
    if (now - (this.news.get(code) ?? -Infinity) < REPEATED_MS) return false;
    this.news.set(code, now);
    return true;
  }
}

/** One for each adapter of a service. */
export class StorageRooms {
  private readonly rooms = new Map<string, StorageRoom>();

  constructor(
    private readonly clock: Clock,
    private readonly events: TopicsEvents,
  ) {}

  of(adapter: string): StorageRoom {
    let room = this.rooms.get(adapter);
    if (room === undefined)
      this.rooms.set(adapter, (room = new StorageRoom(adapter, this.clock, this.events)));
    return room;
  }
}

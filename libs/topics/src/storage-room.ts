import { isGenRocksError } from '@genrocks/storage';
import type { Clock } from './clock.js';
import type { TopicsEvents } from './events.js';

/** An adapter has room again when no write was refused for this long: on an almost full device, small writes still succeed. */
const QUIET_MS = 5_000;

/** A failure is not new if one with the same code was reported as new less than this ago. */
const REPEATED_MS = 60_000;

/**
 * Reports failed writes to an adapter. `storage-full` and `storage-has-room` are emitted once each, however many writes are
 * refused in between; `write-failed` is emitted for every failed write.
 */
export class StorageRoom {
  private full: { readonly since: number; last: number; refusals: number } | undefined;
  /** When each code was last reported as new. There are few codes. */
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

  /** @param error the error of any failed write */
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

/** The {@link StorageRoom} of each adapter of a service. */
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

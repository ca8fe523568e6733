import type { Clock } from '../clock.js';
import { DuplicatesWaitingError } from '../errors.js';
import { Fifo } from '../fifo.js';
import type { ResolvedDedupOptions } from './dedup-options.js';

/** Replaced entries allowed in `order`, in addition to as many as there are ids. */
const MAX_REPLACED = 1_000;

/** Where the first message with an id is stored. */
export interface KnownId {
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
  /** Timestamp of the message, in milliseconds since 1970. */
  readonly timestamp: number;
  /** Start of the window, in milliseconds since 1970. */
  readonly publishedAt: number;
}

/** Notified of the outcome of the first message with an id. */
export interface DuplicateListener {
  duplicateOf(first: KnownId): void;
  failed(error: unknown): void;
}

/** Deduplication state of a topic. */
export interface DedupInfo extends ResolvedDedupOptions {
  /** Ids known now, possibly including expired ones. */
  readonly ids: number;
  /**
   * Ids forgotten before their window ended because there were more than `maxIds`, since the topic was
   * opened.
   */
  readonly forgotten: number;
}

/**
 * The ids of a topic's messages within the window.
 *
 * The first message takes its id before it is stored. Of several concurrent publishes with one id, one
 * proceeds and the others wait for its outcome. A repeat is acknowledged only when the first message is
 * stored; if that fails, the repeat fails too and the id is free again.
 */
export class MessageIds {
  private readonly known = new Map<string, KnownId>();
  /** Entries in the order they were stored, for expiry. Entries replaced in `known` are skipped. */
  private readonly order = new Fifo<KnownId>();
  private readonly inFlight = new Map<string, DuplicateListener[]>();
  private waiting = 0;
  private forgotten = 0;

  constructor(
    private readonly topic: string,
    private readonly options: ResolvedDedupOptions,
    private readonly clock: Clock,
  ) {}

  get info(): DedupInfo {
    return { ...this.options, ids: this.known.size, forgotten: this.forgotten };
  }

  /**
   * Takes an id. Returns true for its first message, for which {@link stored} or {@link failed} must be
   * called later; otherwise the listener learns where the first message is stored, or why it failed.
   * @throws `BACKPRESSURE` if `maxIds` repeats are waiting already
   */
  take(id: string, repeat: DuplicateListener): boolean {
    const first = this.known.get(id);
    if (first !== undefined && this.isInWindow(first)) {
      repeat.duplicateOf(first);
      return false;
    }
    const listeners = this.inFlight.get(id);
    if (listeners === undefined) {
      this.inFlight.set(id, []);
      return true;
    }
    const limit = this.options.maxIds;
    if (this.waiting >= limit) throw new DuplicatesWaitingError(this.topic, limit);
    this.waiting++;
    listeners.push(repeat);
    return false;
  }

  stored(first: KnownId): void {
    this.remember(first);
    for (const listener of this.release(first.id)) listener.duplicateOf(first);
  }

  failed(id: string, error: unknown): void {
    for (const listener of this.release(id)) listener.failed(error);
  }

  /** Adds an id that was stored without {@link take}. Of several messages with one id, the last counts. */
  remember(first: KnownId): void {
    if (!this.isInWindow(first)) return;
    this.known.set(first.id, first);
    this.order.push(first);
    this.trim();
    if (this.order.length > 2 * this.known.size + MAX_REPLACED) this.compact();
  }

  /** Forgets the ids of a partition whose messages were removed. */
  forgetPartition(partition: number): void {
    for (const [id, first] of this.known) if (first.partition === partition) this.known.delete(id);
  }

  private isInWindow({ publishedAt }: KnownId): boolean {
    return this.clock.now() - publishedAt < this.options.windowMs;
  }

  private trim(): void {
    const { known, order } = this;
    for (let oldest = order.at(0); oldest !== undefined; oldest = order.at(0)) {
      const counts = known.get(oldest.id) === oldest;
      const inWindow = counts && this.isInWindow(oldest);
      if (inWindow && known.size <= this.options.maxIds) return;
      if (inWindow) this.forgotten++;
      if (counts) known.delete(oldest.id);
      order.shift();
    }
  }

  /**
   * Removes replaced entries. Otherwise a client that stores one id again and again would fill the memory
   * behind the oldest valid entry.
   */
  private compact(): void {
    const { known, order } = this;
    for (let left = order.length; left > 0; left--) {
      const one = order.shift()!;
      if (known.get(one.id) === one) order.push(one);
    }
  }

  private release(id: string): readonly DuplicateListener[] {
    const listeners = this.inFlight.get(id) ?? [];
    this.inFlight.delete(id);
    this.waiting -= listeners.length;
    return listeners;
  }
}

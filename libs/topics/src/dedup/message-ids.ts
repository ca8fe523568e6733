import type { Clock } from '../clock.js';
import { DuplicatesWaitingError } from '../errors.js';
import { Fifo } from '../fifo.js';
import type { ResolvedDedupOptions } from './dedup-options.js';

/** Entries that were replaced and still stand in the order, besides as many as there are ids. */
const MAX_REPLACED = 1_000;

/** Where the first message of an id is. */
export interface KnownId {
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
  /** The message's, ms since 1970. */
  readonly timestamp: number;
  /** The window is counted from here, ms since 1970. */
  readonly publishedAt: number;
}

/** Hears what became of the first message of an id. */
export interface DuplicateListener {
  duplicateOf(first: KnownId): void;
  failed(error: unknown): void;
}

/** What a topic tells of its ids. */
export interface DedupInfo extends ResolvedDedupOptions {
  /** Ids known now; some of them may be past their time. */
  readonly ids: number;
  /** Ids forgotten before their time since the topic was opened, because there were more than `maxIds`. */
  readonly forgotten: number;
}

/**
 * The ids of a topic's messages within the window. An id is taken by its first message before that is stored, so that
 * of several publishes at once one goes on and the others wait for its fate: a repeat is acknowledged only when the
 * first is stored, and fails if that does, which frees the id.
 */
export class MessageIds {
  private readonly known = new Map<string, KnownId>();
  /** In the order of storing, for forgetting; entries of `known` that were replaced are passed over. */
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
   * Takes an id. True for its first message, of which {@link stored} or {@link failed} must tell in the end; otherwise
   * the listener hears where the first is, or why it failed.
   * @throws `BACKPRESSURE` where more repeats wait than ids may be known
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

  /** Adds an id that was stored without {@link take}; of several messages with one id the last counts. */
  remember(first: KnownId): void {
    if (!this.isInWindow(first)) return;
    this.known.set(first.id, first);
    this.order.push(first);
    this.trim();
    if (this.order.length > 2 * this.known.size + MAX_REPLACED) this.compact();
  }

  /** The messages of a partition are gone, and their ids with them. */
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

  /** Whoever stores one id again and again would otherwise fill the memory behind the oldest one that counts. */
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

import { isGenRocksError } from '@genrocks/storage';
import type { Unreadable } from '../dead-letters/dead-letter-writer.js';
import type { Message } from '../message.js';
import { MessageCursor } from '../partition/message-cursor.js';
import type { Partition } from '../partition/partition.js';
import { isUnreadable } from '../partition/unreadable.js';
import { Signal } from '../signal.js';
import type { TopicPartition } from './assignment.js';
import type { ConsumerCounters, ConsumerEnvironment } from './consumer-environment.js';
import type { StartPlace } from './delivery-history.js';
import type { Failures } from './failures.js';

/** Pause after a failed read. */
const READ_RETRY_MS = 200;

/** Receives what was read. */
export interface FeedSink {
  /** Reading starts, or starts again. */
  begins(at: StartPlace): void;
  received(messages: readonly Message[]): void;
  /** The position moved without a message: over a gap, or past messages that are gone or unreadable. */
  moved(): void;
}

/**
 * Reads the messages of one partition from the group's position on, as they arrive and as many as the member
 * may hold. Skips what cannot be read.
 */
export class PartitionFeed {
  /** The offset to read next. */
  position = 0;
  paused = false;
  private cursor: MessageCursor | undefined;
  /** Messages handed out and not done yet. */
  private held = 0;
  /** Reading continues when no more than this many messages are held. */
  private lowWater = 0;
  /** There may be room, or data, or the feed has to end. */
  private readonly changed = new Signal();
  private ended = false;

  constructor(
    private readonly place: TopicPartition,
    private readonly partition: Partition,
    private readonly environment: ConsumerEnvironment,
    private readonly failures: Failures,
    private readonly counters: ConsumerCounters,
    private readonly stopping: AbortSignal,
    private readonly sink: FeedSink,
  ) {}

  /** Reads until the feed is stopped or the partition closes. */
  async run(): Promise<void> {
    const leave = this.partition.follow(() => this.wake());
    try {
      await this.fetching();
    } finally {
      leave();
    }
  }

  private async fetching(): Promise<void> {
    const { turn } = this.environment;
    const { stopping: signal } = this;
    // A partition that failed to open has no offset to start at. The topic's next start assigns it again.
    while (!signal.aborted && this.partition.state === 'open') {
      try {
        if (this.cursor === undefined) await this.begin();
        if (!this.isDue) await this.changed.wait();
        else if (!this.fetchCached()) await this.fetch();
      } catch (error) {
        if (signal.aborted || isGenRocksError(error, 'TOPIC_STOPPED')) return;
        if (!(await this.passOver(error))) await this.pauseAfter(error);
      }
      const over = turn.over();
      if (over !== undefined) await over;
    }
  }

  /** Returns the permit of a message that is done. */
  release(): void {
    this.environment.flight.release(1);
    // Notify only when crossing the mark, not for every message below it.
    if (this.held-- === this.lowWater + 1) this.changed.notify();
  }

  wake(): void {
    this.changed.notify();
  }

  /** Returns the permits of all messages still held. */
  end(): void {
    this.ended = true;
    this.environment.flight.release(this.held);
  }

  private async begin(): Promise<void> {
    const place = await this.environment.startAt(this.partition, this.stopping);
    this.sink.begins(place);
    this.moveTo(place.offset);
  }

  private moveTo(offset: number): void {
    this.position = offset;
    this.cursor = new MessageCursor(this.partition, offset);
  }

  /** Whether there is something to read, and room for it. */
  private get isDue(): boolean {
    return !this.paused && this.held <= this.lowWater && this.partition.endOffset > this.position;
  }

  /**
   * The usual case, which needs no wait: permits are free and the next messages are cached. False otherwise.
   */
  private fetchCached(): boolean {
    const { flight } = this.environment;
    const permits = flight.tryAcquire(this.wanted());
    if (permits === 0) return false;
    let used = 0;
    try {
      const messages = this.cursor!.readCached(permits, this.environment.fetchBytes());
      if (messages === undefined) return false;
      used = messages.length;
      this.hand(messages);
      return true;
    } finally {
      flight.release(permits - used);
    }
  }

  private async fetch(): Promise<void> {
    const { flight } = this.environment;
    const permits = await flight.acquire(this.wanted(), this.stopping);
    if (permits === 0) return;
    let used = 0;
    try {
      const messages = await this.cursor!.read(permits, this.environment.fetchBytes());
      if (this.ended) return;
      used = messages.length;
      this.hand(messages);
    } finally {
      flight.release(permits - used);
    }
  }

  /** The number of messages to request. */
  private wanted(): number {
    const limit = this.environment.fetchLimit();
    this.lowWater = limit >> 1;
    return Math.max(1, limit - this.held);
  }

  private hand(messages: readonly Message[]): void {
    this.held += messages.length;
    this.counters.received += messages.length;
    this.position = this.cursor!.nextOffset;
    if (messages.length > 0) this.sink.received(messages);
    else this.sink.moved();
  }

  /** Skips messages that are gone or unreadable, and reports them. False for an error that may pass. */
  private async passOver(error: unknown): Promise<boolean> {
    if (!isGenRocksError(error) || this.cursor === undefined) return false;
    const lostTo = error.code === 'OFFSET_OUT_OF_RANGE' ? this.afterLoss() : undefined;
    if (lostTo !== undefined) {
      const { options, events } = this.environment;
      const { group } = options;
      events.send('retention-lost', { group, ...this.place, from: this.position, to: lostTo });
      this.goOnAt(lostTo);
      return true;
    }
    const unreadable = isUnreadable(error) ? await this.unreadable().catch(() => undefined) : undefined;
    if (unreadable === undefined) return false;
    if (await this.failures.buryBytes(unreadable, error)) {
      this.counters.deadLettered++;
      this.goOnAt(unreadable.nextOffset);
    }
    return true;
  }

  private afterLoss(): number | undefined {
    const { startOffset, endOffset } = this.partition;
    const to = this.position < startOffset ? startOffset : endOffset;
    return to === this.position ? undefined : to;
  }

  private async unreadable(): Promise<Unreadable | undefined> {
    const offset = this.position;
    const { bytes, nextOffset } = await this.partition.unreadableAt(offset);
    return nextOffset > offset ? { offset, nextOffset, bytes } : undefined;
  }

  private goOnAt(offset: number): void {
    this.moveTo(offset);
    this.sink.moved();
  }

  private async pauseAfter(error: unknown): Promise<void> {
    const { options, events, clock } = this.environment;
    events.send('consumer-error', { group: options.group, ...this.place, error });
    await clock.sleep(READ_RETRY_MS, this.stopping);
  }
}

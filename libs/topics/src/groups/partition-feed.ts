import { isGenRocksError } from '@genrocks/storage';
import type { Unreadable } from '../dead-letters/dead-letter-writer.js';
import type { Message } from '../message.js';
import { MessageCursor } from '../partition/message-cursor.js';
import type { Partition } from '../partition/partition.js';
import { Signal } from '../signal.js';
import type { TopicPartition } from './assignment.js';
import type { ConsumerCounters, ConsumerEnvironment } from './consumer-environment.js';
import type { Failures } from './failures.js';

/** Pause after a read that failed. */
const READ_RETRY_MS = 200;

/** Errors that come again however often one reads. */
const UNREADABLE = new Set(['CORRUPT_BATCH', 'UNSUPPORTED_COMPRESSION', 'LOG_CORRUPT']);

/** Takes what was read. */
export interface FeedSink {
  received(messages: readonly Message[]): void;
  /** The position moved without a message: over a gap, or past what is gone or unreadable. */
  moved(): void;
}

/**
 * Reads the messages of one partition as they come, no more than the member may hold, from where its group stands
 * on, and finds a way past what cannot be read.
 */
export class PartitionFeed {
  /** The offset to read next. */
  position = 0;
  paused = false;
  private cursor: MessageCursor | undefined;
  /** Messages given out and not done. */
  private held = 0;
  /** With no more than this held, it is time to read. */
  private lowWater = 0;
  private readonly room = new Signal();
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

  /** Reads until it is stopped or the partition closes. */
  async run(): Promise<void> {
    const { turn } = this.environment;
    const { stopping: signal } = this;
    // A partition that could not be opened has no offsets to begin with; the topic's next start assigns it again.
    while (!signal.aborted && this.partition.state === 'open') {
      try {
        if (this.cursor === undefined) this.moveTo(await this.environment.startAt(this.partition));
        if (this.paused || this.held > this.lowWater) await this.room.wait();
        else if (!(await this.partition.waitForData(this.position, { signal }))) return;
        else await this.fetch();
      } catch (error) {
        if (isGenRocksError(error, 'TOPIC_STOPPED')) return;
        if (!(await this.passOver(error))) await this.pauseAfter(error);
      }
      const over = turn.over();
      if (over !== undefined) await over;
    }
  }

  /** A message is done. */
  release(): void {
    this.environment.flight.release(1);
    if (--this.held <= this.lowWater) this.room.notify();
  }

  wake(): void {
    this.room.notify();
  }

  /** Lets go of everything that is still held. */
  end(): void {
    this.ended = true;
    this.environment.flight.release(this.held);
  }

  private moveTo(offset: number): void {
    this.position = offset;
    this.cursor = new MessageCursor(this.partition, offset);
  }

  private async fetch(): Promise<void> {
    const { flight } = this.environment;
    const cursor = this.cursor!;
    const limit = this.environment.fetchLimit();
    this.lowWater = limit >> 1;
    const permits = await flight.acquire(Math.max(1, limit - this.held), this.stopping);
    if (permits === 0) return;
    let used = 0;
    try {
      const messages = await cursor.read(permits, this.environment.fetchBytes());
      if (this.ended) return;
      used = messages.length;
      this.held += used;
      this.counters.received += used;
      this.position = cursor.nextOffset;
      this.sink.received(messages);
    } finally {
      flight.release(permits - used);
    }
    if (used === 0) this.sink.moved();
  }

  /** Goes on behind what is gone or cannot be read, and says so; false for an error that may pass. */
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
    const unreadable = UNREADABLE.has(error.code)
      ? await this.unreadable().catch(() => undefined)
      : undefined;
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

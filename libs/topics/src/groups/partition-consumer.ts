import { isGenRocksError } from '@genrocks/storage';
import type { TopicsEvents } from '../events.js';
import type { Message } from '../message.js';
import { MessageCursor } from '../partition/message-cursor.js';
import type { Partition } from '../partition/partition.js';
import type { Turn } from '../turn.js';
import type { TopicPartition } from './assignment.js';
import { type Backoff, pause } from './backoff.js';
import type { FlightLimiter } from './flight-limiter.js';
import type { BatchHandler, HandlerContext, MessageHandler } from './group.types.js';

/** What a partition's loop shares with the other partitions of its member. */
export interface ConsumerEnvironment {
  readonly group: string;
  readonly handler: MessageHandler | undefined;
  readonly batchHandler: BatchHandler | undefined;
  readonly batchSize: number;
  readonly flight: FlightLimiter;
  readonly backoff: Backoff;
  readonly turn: Turn;
  readonly events: TopicsEvents;
  /** Messages to fetch at once: the member's bound, shared by its partitions. */
  fetchLimit(): number;
  fetchBytes(): number;
  /** Where to begin. */
  startAt(partition: Partition): Promise<number>;
  /** A new offset to commit when it is time. */
  done(place: TopicPartition, offset: number): void;
}

/** Pause after a read that failed. */
const READ_RETRY_MS = 200;

/**
 * Fetches and handles the messages of one partition, one after the other. A message whose handler fails is tried
 * again until it succeeds or the consumer stops; nothing behind it is handled or committed before.
 */
export class PartitionConsumer {
  readonly counters = { received: 0, handled: 0, failed: 0 };
  /** Ends waits and pauses at once; handlers go on. */
  private readonly stopping = new AbortController();
  /** Tells handlers to give up. */
  private readonly giveUp = new AbortController();
  private abandoned = false;
  private cursor: MessageCursor | undefined;
  /** Everything below is handled. */
  private position = 0;
  private running: Promise<void> | undefined;

  constructor(
    readonly place: TopicPartition,
    private readonly partition: Partition,
    private readonly environment: ConsumerEnvironment,
  ) {}

  start(): void {
    this.running = this.run();
  }

  /**
   * Stops fetching and waits for the handler in flight; after `drainMs` its signal aborts, and soon after it is left
   * to itself: what it still does is not committed.
   */
  async stop(drainMs: number): Promise<void> {
    this.stopping.abort();
    if (await endsWithin(this.running, drainMs)) return;
    this.giveUp.abort();
    if (!(await endsWithin(this.running, GRACE_MS))) this.abandoned = true;
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    // A partition that could not be opened has no offsets to begin with; the topic's next start assigns it again.
    while (!this.stopped && this.partition.state === 'open') {
      try {
        if (this.cursor === undefined) {
          this.position = await this.environment.startAt(this.partition);
          this.cursor = new MessageCursor(this.partition, this.position);
        }
        const { signal } = this.stopping;
        if (!(await this.partition.waitForData(this.position, { signal }))) return;
        await this.fetchAndHandle(this.cursor);
      } catch (error) {
        if (this.recover(error)) continue;
        if (isGenRocksError(error, 'TOPIC_STOPPED')) return;
        const { group, events } = this.environment;
        events.send('consumer-error', { group, ...this.place, error });
        await pause(READ_RETRY_MS, this.stopping.signal);
      }
      const over = this.environment.turn.over();
      if (over !== undefined) await over;
    }
  }

  /** Retention overtook the consumer: it goes on with what is left, and says so. */
  private recover(error: unknown): boolean {
    if (!isGenRocksError(error, 'OFFSET_OUT_OF_RANGE')) return false;
    const from = this.position;
    const to = from < this.partition.startOffset ? this.partition.startOffset : this.partition.endOffset;
    if (from === to) return false;
    const { group, events } = this.environment;
    events.send('retention-lost', { group, ...this.place, from, to });
    this.moveTo(to);
    this.cursor = new MessageCursor(this.partition, to);
    return true;
  }

  private async fetchAndHandle(cursor: MessageCursor): Promise<void> {
    const { flight, batchHandler, batchSize } = this.environment;
    const wanted = this.environment.fetchLimit();
    const limit = batchHandler === undefined ? wanted : Math.min(wanted, batchSize);
    const permits = await flight.acquire(limit, this.stopping.signal);
    if (permits === 0) return;
    let held = permits;
    try {
      const messages = await cursor.read(permits, this.environment.fetchBytes());
      this.counters.received += messages.length;
      flight.release(permits - messages.length);
      held = messages.length;
      if (batchHandler !== undefined) {
        if (messages.length > 0 && !(await this.handleBatch(batchHandler, messages))) return;
      } else {
        for (const message of messages) {
          if (this.stopped || !(await this.handleOne(message))) return;
          flight.release(1);
          held--;
        }
      }
      if (cursor.nextOffset > this.position) this.moveTo(cursor.nextOffset);
    } finally {
      flight.release(held);
    }
  }

  private async handleOne(message: Message): Promise<boolean> {
    const handler = this.environment.handler!;
    if (!(await this.attempt(message.offset, (context) => handler(message, context)))) return false;
    this.counters.handled++;
    this.moveTo(message.offset + 1);
    const over = this.environment.turn.over();
    if (over !== undefined) await over;
    return true;
  }

  private async handleBatch(handler: BatchHandler, messages: Message[]): Promise<boolean> {
    const first = messages[0]!.offset;
    if (!(await this.attempt(first, (context) => handler(messages, context)))) return false;
    this.counters.handled += messages.length;
    this.moveTo(messages[messages.length - 1]!.offset + 1);
    return true;
  }

  /** Calls the handler until it succeeds; false if the consumer stopped before that. */
  private async attempt(offset: number, call: (context: HandlerContext) => unknown): Promise<boolean> {
    const { group, backoff, events } = this.environment;
    for (let attempt = 1; ; attempt++) {
      try {
        const result = call({ group, ...this.place, attempt, signal: this.giveUp.signal });
        // Awaiting what is no promise would cost a turn of the queue for every message.
        if (isThenable(result)) await result;
        return !this.abandoned;
      } catch (error) {
        this.counters.failed++;
        if (this.abandoned) return false;
        const retryInMs = backoff.delay(attempt);
        events.send('handler-error', { group, ...this.place, offset, attempt, retryInMs, error });
        await pause(retryInMs, this.stopping.signal);
        if (this.stopped) return false;
      }
    }
  }

  private moveTo(offset: number): void {
    if (this.abandoned) return;
    this.position = offset;
    this.environment.done(this.place, offset);
  }
}

/** Time for handlers to end after their signal aborted. */
const GRACE_MS = 500;

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

async function endsWithin(work: Promise<void> | undefined, ms: number): Promise<boolean> {
  if (work === undefined) return true;
  const timer = new AbortController();
  const ended = await Promise.race([work.then(() => true), pause(ms, timer.signal).then(() => false)]);
  timer.abort();
  return ended;
}

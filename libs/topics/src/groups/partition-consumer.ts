import { setMaxListeners } from 'node:events';
import { PartitionNotAssignedError } from '../delivery-errors.js';
import type { Message } from '../message.js';
import type { Partition } from '../partition/partition.js';
import { Signal } from '../signal.js';
import type { TopicPartition } from './assignment.js';
import type { ConsumerCounters, ConsumerEnvironment } from './consumer-environment.js';
import { Delivery, type DeliveryOwner } from './delivery.js';
import { DeliveryQueue, Job, KEY_OF } from './delivery-queue.js';
import { endsWithin } from './ends-within.js';
import type { StartPlace } from './delivery-history.js';
import { FailedJobs, type FailureOwner } from './failed-jobs.js';
import { Failures } from './failures.js';
import { HandlerCalls } from './handler-calls.js';
import { type FeedSink, PartitionFeed } from './partition-feed.js';
import { PartitionProgress } from './partition-progress.js';
import { TaskSet } from './task-set.js';
import type { Entry } from './unfinished.js';

/** Time for handlers to end after their signal has aborted. */
const GRACE_MS = 500;

/**
 * Fetches and handles the messages of one partition. A message whose handler fails is retried and in the end
 * given up on; messages with its key wait for it, others continue. The committed offset never passes a
 * message that is not done.
 */
export class PartitionConsumer implements DeliveryOwner, FeedSink, FailureOwner {
  readonly progress: PartitionProgress;
  readonly counters: ConsumerCounters = { received: 0, handled: 0, failed: 0, deadLettered: 0 };
  private readonly stopping = new AbortController();
  /** Tells handlers to give up. */
  private readonly giveUp = new AbortController();
  private readonly feed: PartitionFeed;
  private readonly queue: DeliveryQueue;
  private readonly failedJobs: FailedJobs;
  private readonly calls: HandlerCalls;
  private readonly work = new Signal();
  private readonly tasks = new TaskSet();
  /** Number of running handlers, if `concurrency` allows several. */
  private active = 0;
  private running: Promise<void> | undefined;

  constructor(
    readonly place: TopicPartition,
    partition: Partition,
    private readonly environment: ConsumerEnvironment,
  ) {
    this.calls = new HandlerCalls(environment, partition.checksValues);
    const { order, concurrency } = environment.options;
    this.progress = new PartitionProgress(place, partition, environment);
    this.queue = new DeliveryQueue(KEY_OF[order], concurrency > 1);
    const { signal } = this.stopping;
    // Every message that waits for a retry adds a listener.
    setMaxListeners(0, signal);
    const failures = new Failures(environment, place, signal, this.counters);
    this.failedJobs = new FailedJobs(environment, this.queue, failures, this.tasks, signal, this);
    this.feed = new PartitionFeed(place, partition, environment, failures, this.counters, signal, this);
  }

  get group(): string {
    return this.environment.options.group;
  }

  get signal(): AbortSignal {
    return this.giveUp.signal;
  }

  /** Aborts when the consumer begins to stop. */
  get ending(): AbortSignal {
    return this.stopping.signal;
  }

  get hasTimeLimit(): boolean {
    return this.environment.watch !== undefined;
  }

  get hasEnded(): boolean {
    return this.progress.hasEnded;
  }

  get paused(): boolean {
    return this.feed.paused;
  }

  start(): void {
    this.running = this.run();
  }

  /** Starts no further handler until {@link resume}. Running handlers continue. */
  pause(): void {
    this.feed.paused = true;
  }

  resume(): void {
    this.feed.paused = false;
    this.work.notify();
    this.feed.wake();
  }

  /**
   * Stops fetching and waits for running handlers. After `drainMs` their signal aborts; handlers that still
   * run 500 ms later are abandoned, and nothing they still do is committed.
   */
  async stop(drainMs: number): Promise<void> {
    this.endWaits();
    if (!(await endsWithin(this.running, drainMs))) {
      this.tellToGiveUp();
      await endsWithin(this.running, GRACE_MS);
    }
    this.end();
  }

  /**
   * Stops at once: aborts the signal of running handlers; nothing they still do is committed.
   * @param hanging messages whose handler hangs, which counts as a try
   */
  abandon(hanging: readonly Entry[] = []): void {
    this.progress.history.interrupted(hanging);
    this.endWaits();
    this.tellToGiveUp();
    this.end();
  }

  /** @internal */
  begins(at: StartPlace): void {
    this.progress.begin(at);
  }

  /** @internal */
  received(messages: readonly Message[]): void {
    for (const message of messages) this.queue.push(this.progress.add(message));
    this.work.notify();
  }

  /** @internal */
  moved(): void {
    this.progress.moved(this.feed.position);
  }

  /** @internal */
  acknowledged(entries: readonly Entry[]): void {
    for (const entry of entries) this.finish(entry, 'handled');
  }

  /** @internal */
  failedLate(entries: Entry[], error: unknown): void {
    if (!this.hasEnded) void this.failed(new Job(entries), entries, () => error);
  }

  /** @internal */
  async commit(): Promise<void> {
    if (this.hasEnded) throw new PartitionNotAssignedError(this.group, this.place, 'its messages come again');
    await this.environment.commit();
  }

  /** Ends waits, pauses and the search for the start offset. Handlers continue. */
  endWaits(): void {
    this.stopping.abort();
    this.work.notify();
    this.feed.wake();
  }

  private tellToGiveUp(): void {
    this.giveUp.abort();
    this.environment.watch?.giveUp(this);
  }

  private end(): void {
    if (this.hasEnded) return;
    this.progress.end();
    this.feed.end();
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    await Promise.all([this.feed.run(), this.delivering()]);
    await this.tasks.ended();
  }

  private async delivering(): Promise<void> {
    const { turn, options } = this.environment;
    const { concurrency } = options;
    const { history } = this.progress;
    const size = options.batchHandler === undefined ? 1 : options.batchSize;
    while (!this.stopped) {
      const limit = history.isSuspicious ? 1 : size;
      const job = this.paused || this.active >= concurrency ? undefined : this.queue.take(limit);
      if (job === undefined) {
        await this.work.wait();
        continue;
      }
      if (history.mustNote) {
        await this.progress.takeInHand();
        // The member may have lost the partition in the meantime.
        if (this.stopped) return;
      }
      const isSuspect = history.suspects(job.entries[0]!);
      const pending = isSuspect ? this.deliverNoted(job) : this.deliver(job);
      if (pending !== undefined && (isSuspect || concurrency === 1)) await pending;
      else if (pending !== undefined) this.overlap(pending);
      const over = turn.over();
      if (over !== undefined) await over;
    }
  }

  /** Handles a message that may have ended a process, after recording that it is in its handler. */
  private async deliverNoted(job: Job): Promise<void> {
    const entry = job.entries[0]!;
    if (this.progress.history.isGivenUp(entry)) return this.failedJobs.interrupted(job, entry);
    await this.progress.suspected(entry, this.stopping.signal, () => this.deliver(job));
  }

  private overlap(pending: Promise<void>): void {
    this.active++;
    this.tasks.add(
      pending.finally(() => {
        this.active--;
        this.work.notify();
      }),
    );
  }

  /**
   * Calls the handler. Undefined if the call is over already: awaiting it would cost a microtask turn per
   * message.
   */
  private deliver(job: Job): Promise<void> | undefined {
    const delivery = new Delivery(this, job);
    try {
      const result = this.calls.call(job.entries, delivery);
      if (result !== undefined) return this.settle(result, job, delivery);
    } catch (error) {
      return this.failed(job, job.entries, () => error);
    }
    return this.returned(job, delivery);
  }

  private async settle(result: PromiseLike<unknown>, job: Job, delivery: Delivery): Promise<void> {
    try {
      await result;
    } catch (error) {
      return this.failed(job, job.entries, () => error);
    }
    return this.returned(job, delivery);
  }

  private returned(job: Job, delivery: Delivery): Promise<void> | undefined {
    delivery.end();
    const { failures } = delivery;
    if (this.environment.options.commit === 'auto') {
      for (const entry of job.entries) if (failures?.has(entry) !== true) this.finish(entry, 'handled');
    }
    if (failures === undefined) {
      this.queue.release(job);
      return undefined;
    }
    const failed = job.entries.filter((entry) => !entry.done && failures.has(entry));
    return this.failed(job, failed, (entry) => failures.get(entry), true);
  }

  /** @returns undefined if the next handler may start at once */
  private failed(
    job: Job,
    entries: Entry[],
    errorOf: (entry: Entry) => unknown,
    named = false,
  ): Promise<void> | undefined {
    if (this.hasEnded) return undefined;
    const left = entries.filter(({ done }) => !done);
    this.progress.history.failed(left);
    const held = this.failedJobs.failed(job, left, errorOf, named);
    if (left.length > 0) this.progress.tried();
    return held;
  }

  /** @internal */
  async handleAlone(entry: Entry): Promise<void> {
    const delivery = new Delivery(this, new Job([entry]));
    await this.calls.call([entry], delivery);
    delivery.end();
    if (delivery.failures !== undefined) throw delivery.failures.get(entry);
    if (this.environment.options.commit === 'auto') this.finish(entry, 'handled');
  }

  /** @internal */
  givenUp(entry: Entry): void {
    this.finish(entry, 'deadLettered');
  }

  /** @internal */
  wake(): void {
    this.work.notify();
  }

  private finish(entry: Entry, as: 'handled' | 'deadLettered'): void {
    if (this.hasEnded || entry.done) return;
    this.counters[as]++;
    const { events, options } = this.environment;
    if (as === 'handled' && events.listenerCount('handled') > 0) {
      events.send('handled', { group: options.group, message: entry.message });
    }
    if (this.progress.finish(entry)) this.moved();
    this.feed.release();
  }
}

import type { Message } from '../message.js';
import type { Partition } from '../partition/partition.js';
import type { TopicPartition } from './assignment.js';
import type { ConsumerEnvironment } from './consumer-environment.js';
import { DeliveryHistory, type StartPlace } from './delivery-history.js';
import type { DeliveryRecord } from './group.types.js';
import { SuspectCall } from './suspect-calls.js';
import { type Entry, Unfinished } from './unfinished.js';

/**
 * Progress of a member in one partition: the messages it holds, the offset to commit, and the delivery state
 * stored beside it.
 */
export class PartitionProgress {
  readonly history: DeliveryHistory;
  private readonly unfinished = new Unfinished();
  private committable = -1;
  private ended = false;
  private suspectCall: SuspectCall | undefined;

  constructor(
    readonly place: TopicPartition,
    private readonly partition: Partition,
    private readonly environment: ConsumerEnvironment,
  ) {
    this.history = new DeliveryHistory(environment.options.retry.interruptions, environment.clock);
  }

  /** The offset to commit: everything below it is done. */
  get position(): number {
    return this.committable;
  }

  /** Everything has ended or was abandoned: nothing that still runs is committed. */
  get hasEnded(): boolean {
    return this.ended;
  }

  begin(at: StartPlace): void {
    this.committable = at.offset;
    this.history.begin(at, this.partition.endOffset);
  }

  add(message: Message): Entry {
    const entry = this.unfinished.add(message);
    this.history.restore(entry);
    return entry;
  }

  /** True if this was the lowest unfinished message. */
  finish(entry: Entry): boolean {
    this.history.done(entry);
    return this.unfinished.finish(entry);
  }

  /** @param readTo the offset to read next */
  moved(readTo: number): void {
    const offset = this.unfinished.lowest ?? readTo;
    if (this.ended || offset === this.committable) return;
    this.committable = offset;
    this.history.passed(offset);
    this.environment.done(this.place, offset);
  }

  /** The recorded tries have changed and are stored with the next commit. */
  tried(): void {
    if (!this.ended) this.environment.done(this.place, this.committable);
  }

  /** Records durably, before the member's first message, that the partition is in hand. */
  takeInHand(): Promise<void> {
    this.history.takeInHand();
    return this.note();
  }

  /**
   * Handles a message that may have ended a process: records first that it is in its handler. A message that
   * was in its handler when a process ended runs alone.
   */
  async suspected(
    entry: Entry,
    stopping: AbortSignal,
    handle: () => Promise<void> | undefined,
  ): Promise<void> {
    const { suspects } = this.environment;
    const call = (this.suspectCall = new SuspectCall(entry.interrupted > 0, () => this.note()));
    try {
      await suspects.begin(call, stopping);
      this.history.begun(entry, call);
      if (!stopping.aborted) await this.note();
      if (!stopping.aborted) await handle();
    } finally {
      this.history.returned();
      this.tried();
      // Otherwise other suspect calls would keep waiting.
      suspects.end(call);
    }
  }

  /** Resolves when the recorded tries are durable, or the write has failed. */
  private async note(): Promise<void> {
    this.tried();
    try {
      await this.environment.commit();
    } catch {
      // The committer has reported the error and will try again. Handlers do not wait for a failing store.
    }
  }

  end(): void {
    this.ended = true;
    // An abandoned handler must not keep other suspect calls waiting.
    if (this.suspectCall !== undefined) this.environment.suspects.end(this.suspectCall);
  }

  /** The delivery state to store beside the position. */
  deliveries(): DeliveryRecord | undefined {
    return this.history.record(this.ended);
  }
}

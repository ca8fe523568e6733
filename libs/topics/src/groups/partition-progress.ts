import type { Message } from '../message.js';
import type { Partition } from '../partition/partition.js';
import type { TopicPartition } from './assignment.js';
import type { ConsumerEnvironment } from './consumer-environment.js';
import { DeliveryHistory, type StartPlace } from './delivery-history.js';
import type { DeliveryRecord } from './group.types.js';
import { SuspectCall } from './suspect-calls.js';
import { type Entry, Unfinished } from './unfinished.js';

/** How far one member is with a partition: what it holds, what may be committed, and what is kept beside that. */
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

  /** What is to be committed: all below it is done. */
  get position(): number {
    return this.committable;
  }

  /** All has ended, or what has not is left to itself: nothing it still does counts. */
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

  /** True if it was the lowest. */
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

  /** What is known of tries has changed: it goes with the next commit. */
  tried(): void {
    if (!this.ended) this.environment.done(this.place, this.committable);
  }

  /** The first message of this member is about to be handled. */
  takeInHand(): Promise<void> {
    this.history.takeInHand();
    return this.note();
  }

  /**
   * Has a message handled by which a process may have ended: noted as the one that is in its handler, and alone where it was
   * when one ended.
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
      // Else it would keep others waiting.
      suspects.end(call);
    }
  }

  /** Resolves when what is known of tries is durable, or the store did not take it. */
  private async note(): Promise<void> {
    this.tried();
    try {
      await this.environment.commit();
    } catch {
      // The committer has told, and will try again. Handlers do not wait for a store that takes nothing.
    }
  }

  end(): void {
    this.ended = true;
    // A handler that is left to itself keeps nobody waiting.
    if (this.suspectCall !== undefined) this.environment.suspects.end(this.suspectCall);
  }

  /** What is to be kept beside the position. */
  deliveries(): DeliveryRecord | undefined {
    return this.history.record(this.ended);
  }
}

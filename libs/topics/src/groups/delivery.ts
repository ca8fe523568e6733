import type { Message } from '../message.js';
import type { TopicPartition } from './assignment.js';
import type { Job } from './delivery-queue.js';
import type { HandlerContext } from './group.types.js';
import type { Entry } from './unfinished.js';

/** What a delivery needs from its consumer. @internal */
export interface DeliveryOwner {
  readonly group: string;
  readonly place: TopicPartition;
  readonly signal: AbortSignal;
  /** Every call has its own signal, which may abort before the partition's. */
  readonly hasTimeLimit: boolean;
  acknowledged(entries: readonly Entry[]): void;
  /** A handler reported a failure after it had returned. */
  failedLate(entries: Entry[], error: unknown): void;
  commit(): Promise<void>;
}

/** One handler call, as the handler sees it. Its functions also work detached from it. */
export class Delivery implements HandlerContext {
  readonly attempt: number;
  /** Messages the handler has rejected, with the error. */
  failures: Map<Entry, unknown> | undefined;
  private readonly entries: readonly Entry[];
  private returned = false;
  private ownSignal: AbortController | undefined;

  constructor(
    readonly owner: DeliveryOwner,
    job: Job,
  ) {
    const { entries } = job;
    this.entries = entries;
    let attempts = 0;
    for (const entry of entries) {
      entry.current = this;
      attempts = Math.max(attempts, entry.attempts + entry.interrupted);
    }
    this.attempt = attempts + 1;
  }

  get group(): string {
    return this.owner.group;
  }

  get topic(): string {
    return this.owner.place.topic;
  }

  get partition(): number {
    return this.owner.place.partition;
  }

  /** Offset of the first message. @internal */
  get offset(): number {
    return this.entries[0]!.message.offset;
  }

  get signal(): AbortSignal {
    const { signal, hasTimeLimit } = this.owner;
    if (!hasTimeLimit) return signal;
    if (this.ownSignal === undefined && signal.aborted) this.abort(signal.reason);
    return (this.ownSignal ??= new AbortController()).signal;
  }

  /** Aborts the signal of this call only. @internal */
  abort(reason: unknown): void {
    this.ownSignal ??= new AbortController();
    this.ownSignal.abort(reason);
  }

  get ack(): (message?: Message) => void {
    return (message) => this.owner.acknowledged(this.open(message));
  }

  get nack(): (error?: unknown, message?: Message) => void {
    return (error = new Error('the handler rejected the message with nack()'), message) => {
      const entries = this.open(message);
      if (entries.length === 0) return;
      if (this.returned) return this.owner.failedLate(entries, error);
      this.failures ??= new Map();
      for (const entry of entries) this.failures.set(entry, error);
    };
  }

  get commit(): () => Promise<void> {
    return () => this.owner.commit();
  }

  /** The messages this call has not settled yet. @internal */
  get unanswered(): Entry[] {
    return this.open(undefined);
  }

  /** Records that the handler has returned. @internal */
  end(): void {
    this.returned = true;
  }

  /** The messages that are not done and not in a later call. */
  private open(message: Message | undefined): Entry[] {
    return this.entries.filter(
      (entry) =>
        !entry.done && entry.current === this && (message === undefined || entry.message === message),
    );
  }
}

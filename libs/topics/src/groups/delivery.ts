import type { Message } from '../message.js';
import type { TopicPartition } from './assignment.js';
import type { Job } from './delivery-queue.js';
import type { HandlerContext } from './group.types.js';
import type { Entry } from './unfinished.js';

/** What a delivery tells its consumer. @internal */
export interface DeliveryOwner {
  readonly group: string;
  readonly place: TopicPartition;
  readonly signal: AbortSignal;
  /** Every call has a signal of its own, which may abort before that of all. */
  readonly hasTimeLimit: boolean;
  acknowledged(entries: readonly Entry[]): void;
  /** A handler that has returned tells of a failure. */
  failedLate(entries: Entry[], error: unknown): void;
  commit(): Promise<void>;
}

/** One call of a handler, as the handler sees it. Its functions may be taken off it. */
export class Delivery implements HandlerContext {
  readonly attempt: number;
  /** Messages the handler has given back by name, with its reason. */
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

  /** The first message's. @internal */
  get offset(): number {
    return this.entries[0]!.message.offset;
  }

  get signal(): AbortSignal {
    const { signal, hasTimeLimit } = this.owner;
    if (!hasTimeLimit) return signal;
    if (this.ownSignal === undefined && signal.aborted) this.abort(signal.reason);
    return (this.ownSignal ??= new AbortController()).signal;
  }

  /** Tells this call alone to give up. @internal */
  abort(reason: unknown): void {
    this.ownSignal ??= new AbortController();
    this.ownSignal.abort(reason);
  }

  get ack(): (message?: Message) => void {
    return (message) => this.owner.acknowledged(this.open(message));
  }

  get nack(): (error?: unknown, message?: Message) => void {
    return (error = new Error('the handler gave the message back'), message) => {
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

  /** What this call still has to answer for. @internal */
  get unanswered(): Entry[] {
    return this.open(undefined);
  }

  /** The handler has returned. @internal */
  end(): void {
    this.returned = true;
  }

  /** What is not done and has not gone on to another call. */
  private open(message: Message | undefined): Entry[] {
    return this.entries.filter(
      (entry) =>
        !entry.done && entry.current === this && (message === undefined || entry.message === message),
    );
  }
}

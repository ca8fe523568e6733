import type { Clock } from '../clock.js';
import type { DeadLetterWriter } from '../dead-letters/dead-letter-writer.js';
import type { TopicsEvents } from '../events.js';
import type { Partition } from '../partition/partition.js';
import type { Turn } from '../turn.js';
import type { TopicPartition } from './assignment.js';
import type { StartPlace } from './delivery-history.js';
import type { FlightLimiter } from './flight-limiter.js';
import type { HandlerWatch } from './handler-watch.js';
import type { ResolvedGroupOptions } from './group-options.js';
import type { RetryPolicy } from './retry-policy.js';
import type { SuspectCalls } from './suspect-calls.js';

/** What a partition's loops share with the other partitions of their member. */
export interface ConsumerEnvironment {
  readonly options: ResolvedGroupOptions;
  readonly flight: FlightLimiter;
  readonly retries: RetryPolicy;
  readonly deadLetters: DeadLetterWriter;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly suspects: SuspectCalls;
  readonly events: TopicsEvents;
  /** Where the time of handlers is limited. */
  readonly watch: HandlerWatch | undefined;
  /** Messages to hold at once: the member's bound, shared by its partitions. */
  fetchLimit(): number;
  fetchBytes(): number;
  /** Where to begin. */
  startAt(partition: Partition, signal: AbortSignal): Promise<StartPlace>;
  /** A new offset to commit when it is time. */
  done(place: TopicPartition, offset: number): void;
  /** Commits now; rejects where that fails. */
  commit(): Promise<void>;
}

export interface ConsumerCounters {
  received: number;
  handled: number;
  failed: number;
  deadLettered: number;
}

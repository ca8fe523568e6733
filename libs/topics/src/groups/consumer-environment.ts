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

/** What the partitions of a member share. */
export interface ConsumerEnvironment {
  readonly options: ResolvedGroupOptions;
  readonly flight: FlightLimiter;
  readonly retries: RetryPolicy;
  readonly deadLetters: DeadLetterWriter;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly suspects: SuspectCalls;
  readonly events: TopicsEvents;
  /** Set if the time of handlers is limited. */
  readonly watch: HandlerWatch | undefined;
  /** Messages a partition may hold: its share of the member's limit. */
  fetchLimit(): number;
  fetchBytes(): number;
  /** Where to start in a partition. */
  startAt(partition: Partition, signal: AbortSignal): Promise<StartPlace>;
  /** Records a new offset for the next commit. */
  done(place: TopicPartition, offset: number): void;
  /** Commits now; rejects if that fails. */
  commit(): Promise<void>;
}

export interface ConsumerCounters {
  received: number;
  handled: number;
  failed: number;
  deadLettered: number;
}

import type { TopicsEvents } from '../events.js';
import type { TopicPartition } from './assignment.js';
import type { PartitionCounter } from './coordinator/assignors.js';
import type { GroupCoordinator } from './coordinator/group-coordinator.js';

/** Works on the partitions a member owns. */
export interface PartitionsOwner {
  /** The topics the member subscribes to now. */
  topics(): readonly string[];
  /** Also of a topic that is not there yet. */
  subscribesTo(topic: string): boolean;
  owned(): TopicPartition[];
  /** Begins work on these partitions. */
  take(places: readonly TopicPartition[]): void;
  /** Ends work on these partitions and commits what is done. Resolves when they are free for another member. */
  letGo(places: readonly TopicPartition[]): Promise<void>;
  /** All partitions may be another's by now: nothing that still runs counts. */
  abandon(): void;
}

export interface SessionEnvironment {
  readonly coordinator: GroupCoordinator;
  readonly events: TopicsEvents;
  readonly drainTimeoutMs: number;
  readonly partitionsOf: PartitionCounter;
}

import type { TopicsEvents } from '../events.js';
import type { TopicPartition } from './assignment.js';
import type { PartitionCounter } from './coordinator/assignors.js';
import type { GroupCoordinator } from './coordinator/group-coordinator.js';

/** Does the work on the partitions a member owns. */
export interface PartitionsOwner {
  /** The topics the member subscribes to now. */
  topics(): readonly string[];
  /** Also for a topic that does not exist yet. */
  subscribesTo(topic: string): boolean;
  owned(): TopicPartition[];
  /** Starts work on these partitions. */
  take(places: readonly TopicPartition[]): void;
  /** Ends work on these partitions and commits what is done. Resolves when another member may own them. */
  letGo(places: readonly TopicPartition[]): Promise<void>;
  /**
   * Drops all partitions at once, because other members may own them by now. Nothing that still runs is
   * committed.
   */
  abandon(): void;
}

export interface SessionEnvironment {
  readonly coordinator: GroupCoordinator;
  readonly events: TopicsEvents;
  readonly drainTimeoutMs: number;
  readonly partitionsOf: PartitionCounter;
}

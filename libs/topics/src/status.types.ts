import type { StoreId, StorageSupports } from '@genrocks/storage';
import type { GroupSummary } from './groups/group.types.js';
import type { PublishCounters, TopicInfo } from './topic.types.js';

/** A storage adapter that is plugged in. */
export interface AdapterStatus {
  /** The name for a topic's `storage.adapter`. */
  readonly name: string;
  /** Whether it keeps the topics that name no adapter, the topic registry, and committed offsets. */
  readonly default: boolean;
  /** The guarantees and limits of the adapter. */
  readonly supports: StorageSupports;
}

/** A store on an adapter that no registered topic owns. */
export interface UnregisteredStore extends StoreId {
  /** Name of the adapter it was found on. */
  readonly adapter: string;
}

/** The state of the service in this process. */
export interface SystemStatus {
  /** Milliseconds since the service started. */
  readonly uptimeMs: number;
  /** All adapters that are plugged in. */
  readonly adapters: readonly AdapterStatus[];
  /** All topics, with their partitions and counters. */
  readonly topics: readonly TopicInfo[];
  /** Number of partitions of all topics. */
  readonly partitionCount: number;
  /** Groups with members or committed offsets. */
  readonly groups: readonly GroupSummary[];
  /** Stores that no registered topic owns: created elsewhere, or left from a lost registry. */
  readonly unregistered: readonly UnregisteredStore[];
  /** Counters of all topics together, each since it was opened in this process. */
  readonly published: PublishCounters;
  /** Bytes in use, and their limits: the options `tailCacheBytes` and `maxPendingBytes`. */
  readonly memory: {
    readonly tailCacheBytes: number;
    readonly tailCacheLimit: number;
    readonly pendingBytes: number;
    readonly pendingLimit: number;
  };
}

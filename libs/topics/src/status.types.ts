import type { StoreId, StorageSupports } from '@genrocks/storage';
import type { GroupSummary } from './groups/group.types.js';
import type { PublishCounters, TopicInfo } from './topic.types.js';

/** A storage adapter that is plugged in. */
export interface AdapterStatus {
  /** What a topic's `storage.adapter` names. */
  readonly name: string;
  /** It keeps the topics that name no adapter, and the list of topics and committed offsets. */
  readonly default: boolean;
  /** What it promises. */
  readonly supports: StorageSupports;
}

/** A store found on an adapter that no topic of the registry owns. */
export interface UnregisteredStore extends StoreId {
  /** Name of the adapter it was found on. */
  readonly adapter: string;
}

/** What runs in this process, and what it holds. */
export interface SystemStatus {
  /** Milliseconds since the service started. */
  readonly uptimeMs: number;
  /** All that are plugged in. */
  readonly adapters: readonly AdapterStatus[];
  /** With their partitions and counters. */
  readonly topics: readonly TopicInfo[];
  /** Partitions of all topics. */
  readonly partitionCount: number;
  /** Those that have members or committed offsets. */
  readonly groups: readonly GroupSummary[];
  /** Stores that belong to no topic: left by something else, or by a registry that is gone. */
  readonly unregistered: readonly UnregisteredStore[];
  /** Of all topics together, since each was opened in this process. */
  readonly published: PublishCounters;
  /** Bytes held, and their limits: `tailCacheBytes`, `maxPendingBytes` of the options. */
  readonly memory: {
    readonly tailCacheBytes: number;
    readonly tailCacheLimit: number;
    readonly pendingBytes: number;
    readonly pendingLimit: number;
  };
}

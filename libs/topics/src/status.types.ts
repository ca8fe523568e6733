import type { StoreId, StorageSupports } from '@genrocks/storage';
import type { GroupSummary } from './groups/group.types.js';
import type { PublishCounters, TopicInfo } from './topic.types.js';

export interface AdapterStatus {
  readonly name: string;
  readonly default: boolean;
  readonly supports: StorageSupports;
}

/** A store found on an adapter that no topic of the registry owns. */
export interface UnregisteredStore extends StoreId {
  readonly adapter: string;
}

export interface SystemStatus {
  /** Milliseconds since the service started. */
  readonly uptimeMs: number;
  readonly adapters: readonly AdapterStatus[];
  readonly topics: readonly TopicInfo[];
  readonly partitionCount: number;
  readonly groups: readonly GroupSummary[];
  readonly unregistered: readonly UnregisteredStore[];
  readonly published: PublishCounters;
  readonly memory: {
    readonly tailCacheBytes: number;
    readonly tailCacheLimit: number;
    readonly pendingBytes: number;
    readonly pendingLimit: number;
  };
}

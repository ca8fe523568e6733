import type { StoreInfo } from '@genrocks/storage';
import type { ResolvedDedupOptions } from './dedup/dedup-options.js';
import type { DedupInfo } from './dedup/message-ids.js';
import type { PartitionDescription } from './partition/read.types.js';
import type { Compression } from './records/batch-header.js';
import type { RoutingName } from './routing/router.js';

/** `starting`: not opened yet. `stopped`: closed by stopTopic, data kept. `deleted`: gone. */
export type TopicState = 'starting' | 'running' | 'stopped' | 'deleted';

export interface TopicDescription {
  readonly name: string;
  /** UUID, stable over restarts; another one after deleting and creating again. */
  readonly id: string;
  readonly state: TopicState;
  readonly adapter: string;
  /** A resolved publish survives a crash, as far as the adapter promises. */
  readonly durable: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly routing: RoutingName;
  readonly codec: string;
  /** The class or the library of its schema; absent where it has none in this process. */
  readonly schema?: string;
  readonly compression: Compression;
  /** Milliseconds a batch waits for more messages. */
  readonly lingerMs: number;
  /** Absent where message ids are carried only. */
  readonly dedup?: ResolvedDedupOptions;
  readonly partitionCount: number;
  /** Empty while the topic is stopped. */
  readonly partitions: readonly PartitionDescription[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** Counted since the topic was opened in this process. */
export interface PublishCounters {
  readonly messages: number;
  readonly batches: number;
  readonly bytes: number;
  /** Messages whose batch could not be stored. */
  readonly failed: number;
}

/** Counted since the topic was opened in this process: by groups, streams, HTTP, Kafka clients. */
export interface ReadCounters {
  /** Record batches handed out; a batch that is read in several parts counts for each. */
  readonly batches: number;
  readonly bytes: number;
  /** Reads that needed no storage, because what they asked for was in the tail cache. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

export interface PartitionInfo extends PartitionDescription {
  readonly topic: string;
  /** Offsets between start and end; less than that may be there where batches failed or were dropped. */
  readonly backlog: number;
  readonly published: PublishCounters;
  readonly read: ReadCounters;
  /** Bytes waiting to be stored. */
  readonly pendingBytes: number;
  readonly cachedBytes: number;
  /** What the store says; absent where it is not open. */
  readonly store?: StoreInfo;
}

export interface TopicInfo extends Omit<TopicDescription, 'partitions'> {
  /** The message ids that are known, where the topic has `dedup` and runs. */
  readonly ids?: DedupInfo;
  readonly partitions: readonly PartitionInfo[];
}

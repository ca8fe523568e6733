import type { StoreInfo } from '@genrocks/storage';
import type { ResolvedDedupOptions } from './dedup/dedup-options.js';
import type { DedupInfo } from './dedup/message-ids.js';
import type { PartitionDescription } from './partition/read.types.js';
import type { Compression } from './records/batch-header.js';
import type { RoutingName } from './routing/router.js';

/** `starting`: not open yet. `stopped`: closed by `stopTopic`, data kept. `deleted`: removed with its data. */
export type TopicState = 'starting' | 'running' | 'stopped' | 'deleted';

/** A topic with its settings. */
export interface TopicDescription {
  /** Its name. */
  readonly name: string;
  /** UUID, stable across restarts; a topic deleted and created again has a new one. */
  readonly id: string;
  /** Whether it can be published to and read now. */
  readonly state: TopicState;
  /** Name of the adapter that keeps it. */
  readonly adapter: string;
  /** Whether a resolved publish survives a crash, as far as the adapter promises. */
  readonly durable: boolean;
  /** The topic's own storage settings; for all others, those of the adapter apply. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** How the partition of a message that names none is chosen. */
  readonly routing: RoutingName;
  /** Name of its codec; `json` unless another was given. */
  readonly codec: string;
  /** Name of the schema's class or library; absent if it has no schema in this process. */
  readonly schema?: string;
  /** Compression of the batches that publishing makes. */
  readonly compression: Compression;
  /** Milliseconds a batch waits for more messages. */
  readonly lingerMs: number;
  /** Window of message ids; absent if ids are ignored. */
  readonly dedup?: ResolvedDedupOptions;
  /** Number of partitions. */
  readonly partitionCount: number;
  /** Empty while the topic is stopped. */
  readonly partitions: readonly PartitionDescription[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** Options of calls that can be checked without effect. */
export interface DryRunOptions {
  /** Only check the call: it fails where it would be refused, and changes nothing. Storage is not asked. Default false. */
  dryRun?: boolean;
}

/** Publish counters since the topic was opened in this process. */
export interface PublishCounters {
  /** Messages stored. */
  readonly messages: number;
  /** Record batches stored. */
  readonly batches: number;
  /** Bytes of those batches. */
  readonly bytes: number;
  /** Messages whose batch could not be stored. */
  readonly failed: number;
}

/** Read counters since the topic was opened in this process, for groups, streams, HTTP and Kafka clients. */
export interface ReadCounters {
  /** Record batches read; a batch read in several parts counts once per part. */
  readonly batches: number;
  /** Bytes of those batches. */
  readonly bytes: number;
  /** Reads served from the tail cache. */
  readonly cacheHits: number;
  /** Reads served from storage. */
  readonly cacheMisses: number;
}

/** A partition with its counters. */
export interface PartitionInfo extends PartitionDescription {
  /** Name of the topic. */
  readonly topic: string;
  /** Offsets from start to end. There may be fewer messages, if batches failed or were dropped. */
  readonly backlog: number;
  /** Its publish counters. */
  readonly published: PublishCounters;
  /** Its read counters. */
  readonly read: ReadCounters;
  /** Bytes waiting to be stored. */
  readonly pendingBytes: number;
  /** Bytes of the partition in the tail cache. */
  readonly cachedBytes: number;
  /** The store's own status; absent if the store is not open. */
  readonly store?: StoreInfo;
}

/** A topic with the counters of its partitions. */
export interface TopicInfo extends Omit<TopicDescription, 'partitions'> {
  /** The known message ids, if the topic has `dedup` and runs. */
  readonly ids?: DedupInfo;
  /** Empty while the topic is stopped. */
  readonly partitions: readonly PartitionInfo[];
}

import type { StoreInfo } from '@genrocks/storage';
import type { ResolvedDedupOptions } from './dedup/dedup-options.js';
import type { DedupInfo } from './dedup/message-ids.js';
import type { PartitionDescription } from './partition/read.types.js';
import type { Compression } from './records/batch-header.js';
import type { RoutingName } from './routing/router.js';

/** `starting`: not opened yet. `stopped`: closed by stopTopic, data kept. `deleted`: gone. */
export type TopicState = 'starting' | 'running' | 'stopped' | 'deleted';

/** A topic with its settings. */
export interface TopicDescription {
  /** Its name. */
  readonly name: string;
  /** UUID, stable over restarts; another one after deleting and creating again. */
  readonly id: string;
  /** Whether it can be published to and read now. */
  readonly state: TopicState;
  /** Name of the adapter that keeps it. */
  readonly adapter: string;
  /** A resolved publish survives a crash, as far as the adapter promises. */
  readonly durable: boolean;
  /** Its own settings of the adapter; where it has none, those of the adapter hold. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** How a message without a partition of its own gets one. */
  readonly routing: RoutingName;
  /** Name of what turns values into bytes; `json` unless another was given. */
  readonly codec: string;
  /** The class or the library of its schema; absent where it has none in this process. */
  readonly schema?: string;
  /** How its record batches are packed. */
  readonly compression: Compression;
  /** Milliseconds a batch waits for more messages. */
  readonly lingerMs: number;
  /** Absent where message ids are carried only. */
  readonly dedup?: ResolvedDedupOptions;
  /** Number of partitions. */
  readonly partitionCount: number;
  /** Empty while the topic is stopped. */
  readonly partitions: readonly PartitionDescription[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** Of calls that can be tried without doing anything. */
export interface DryRunOptions {
  /** Only check: what would be refused is, and nothing changes. What the store would say is not known. Default false. */
  dryRun?: boolean;
}

/** Counted since the topic was opened in this process. */
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

/** Counted since the topic was opened in this process: by groups, streams, HTTP, Kafka clients. */
export interface ReadCounters {
  /** Record batches handed out; a batch that is read in several parts counts for each. */
  readonly batches: number;
  /** Bytes of those batches. */
  readonly bytes: number;
  /** Reads that needed no storage, because what they asked for was in the tail cache. */
  readonly cacheHits: number;
  /** Reads that storage was asked for. */
  readonly cacheMisses: number;
}

/** A partition with its counters. */
export interface PartitionInfo extends PartitionDescription {
  /** Name of the topic. */
  readonly topic: string;
  /** Offsets between start and end; less than that may be there where batches failed or were dropped. */
  readonly backlog: number;
  /** What was published to it. */
  readonly published: PublishCounters;
  /** What was read of it. */
  readonly read: ReadCounters;
  /** Bytes waiting to be stored. */
  readonly pendingBytes: number;
  /** Bytes of it in the tail cache. */
  readonly cachedBytes: number;
  /** What the store says; absent where it is not open. */
  readonly store?: StoreInfo;
}

/** A topic with the counters of its partitions. */
export interface TopicInfo extends Omit<TopicDescription, 'partitions'> {
  /** The message ids that are known, where the topic has `dedup` and runs. */
  readonly ids?: DedupInfo;
  /** Empty while the topic is stopped. */
  readonly partitions: readonly PartitionInfo[];
}

import type { Codec, StorageAdapter } from '@genrocks/storage';
import { InvalidConfigError } from '@genrocks/storage';
import { type Clock, systemClock } from './clock.js';
import type { DedupOptions } from './dedup/dedup-options.js';
import type { Compression } from './records/batch-header.js';
import type { TopicSchema } from './schema/topic-schema.js';
import type { Routing } from './routing/router.js';

/** Which adapter keeps a topic, and settings for its stores in the adapter's own (camelCase) names. */
export interface TopicStorage {
  /** The adapter's `name`, such as `ets` or `disk_log`. Default: the default adapter. */
  adapter?: string;
  [setting: string]: unknown;
}

/** How to start a topic. Everything but functions and custom codecs is remembered over restarts. */
export interface TopicOptions<T = unknown> {
  /** Number of partitions. Default: `defaultPartitions`. Once the topic exists, see `addPartitions`. */
  partitions?: number;
  /** Which adapter keeps the topic, and how. Default: the default adapter with its own settings. */
  storage?: TopicStorage;
  /** How a message without an explicit partition finds one. Default: `key_hash`. */
  routing?: Routing;
  /** How values become bytes. Default: JSON. */
  codec?: Codec<unknown>;
  /**
   * What values have to be: a class with class-validator decorators, or a Standard Schema. Checked when a message is
   * published (`SCHEMA_VIOLATION`, nothing is stored) and before a handler gets it (it becomes a dead letter at once).
   * Tombstones are not checked. Cannot be remembered: give it on every start. Default: none.
   */
  schema?: TopicSchema<T>;
  /**
   * Packs the batches that publishing makes, where that makes them smaller. Default `none`. `gzip` needs nothing;
   * `snappy` needs the package `snappy`, `lz4` needs `lz4-napi`, `zstd` needs Node 22.15 or `@toondepauw/node-zstd`.
   */
  compression?: Compression;
  /**
   * Milliseconds a batch waits for more messages before it is written, unless it is full before. It makes batches larger
   * where single publishers would make many small ones, and every publish slower by as much. Default 0: what waits while
   * a write is under way is packed together, and nothing waits for what may come.
   */
  lingerMs?: number;
  /**
   * Stores a message whose `id` is known only once: a repeat within the window is answered with the place of the first.
   * Over restarts and crashes too. False turns it off again. Default: ids are carried, nothing more.
   */
  dedup?: DedupOptions | false;
}

/** A topic that is created on start where it is missing. */
export interface TopicDefinition<T = unknown> extends TopicOptions<T> {
  /** 1 to 249 characters; a `/` makes a directory. Names that begin with `__` are reserved. */
  name: string;
}

const TOPIC_OPTIONS: Record<keyof TopicDefinition, true> = {
  name: true,
  partitions: true,
  storage: true,
  routing: true,
  codec: true,
  schema: true,
  compression: true,
  lingerMs: true,
  dedup: true,
};

/**
 * A topic whose options are misspelt would be made with the defaults, and some of them can never be changed.
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per unknown option
 */
export function assertTopicOptions(name: string, options: TopicOptions): void {
  const unknown = Object.keys(options).filter((option) => !Object.hasOwn(TOPIC_OPTIONS, option));
  if (unknown.length === 0) return;
  const allowed = Object.keys(TOPIC_OPTIONS).join(', ');
  throw new InvalidConfigError(
    unknown.map((option) => `topics.${name}.${option}: unknown option; allowed are ${allowed}`),
  );
}

/** One definition a topic, where several say something of it; of two that say the same thing, the later counts. */
export function mergeDefinitions(definitions: readonly TopicDefinition[]): TopicDefinition[] {
  const merged = new Map<string, TopicDefinition>();
  for (const definition of definitions) {
    const given = Object.entries(definition).filter(([, value]) => value !== undefined);
    merged.set(definition.name, {
      ...merged.get(definition.name),
      ...Object.fromEntries(given),
    } as TopicDefinition);
  }
  return [...merged.values()];
}

/** Options of the topics service. Byte counts are plain numbers. */
export interface TopicsOptions {
  /** Created on start where they are missing. */
  topics?: readonly TopicDefinition[];
  /** May publishing and subscribing create a topic that does not exist? Default true. */
  autoCreateTopics?: boolean;
  /** Partitions of topics that do not say. Default 1. */
  defaultPartitions?: number;
  /** Largest record (key, value and headers), in bytes. Default 1 MiB (1,048,576). */
  maxMessageBytes?: number;
  /** Waiting messages are packed into record batches up to this size, in bytes. Default 1 MiB. */
  maxBatchBytes?: number;
  /** Memory for the newest batches of all partitions together, in bytes. Default 64 MiB; 0 turns it off. */
  tailCacheBytes?: number;
  /**
   * Bytes that may wait to be stored, over all partitions; one partition may take a quarter of it. A publisher
   * above that waits for room, and as many bytes may wait so; past that, `BACKPRESSURE`. Default 128 MiB.
   */
  maxPendingBytes?: number;
  /** Topics there may be. Default 10,000. */
  maxTopics?: number;
  /** Partitions one topic may have. Default 1,024. */
  maxPartitionsPerTopic?: number;
  /** Consumer groups with committed offsets, and with members, there may be. Default 10,000. */
  maxGroups?: number;
  /** Members one consumer group may have, in this process and out of it. Default 1,000. */
  maxGroupMembers?: number;
  /** How long running handlers may take to finish when a group stops, in milliseconds. Default 10,000. */
  drainTimeoutMs?: number;
  /** How long handlers of groups may take to return that do not say, in milliseconds; 0 is no limit. Default 0. */
  handlerTimeoutMs?: number;
  /** Time for retries, for tests. Default: the system's. */
  clock?: Clock;
}

/** The options with all defaults filled in. */
export type ResolvedTopicsOptions = Required<TopicsOptions>;

const MiB = 1024 * 1024;

const DEFAULTS: ResolvedTopicsOptions = {
  topics: [],
  autoCreateTopics: true,
  defaultPartitions: 1,
  maxMessageBytes: MiB,
  maxBatchBytes: MiB,
  tailCacheBytes: 64 * MiB,
  maxPendingBytes: 128 * MiB,
  maxTopics: 10_000,
  maxPartitionsPerTopic: 1_024,
  maxGroups: 10_000,
  maxGroupMembers: 1_000,
  drainTimeoutMs: 10_000,
  handlerTimeoutMs: 0,
  clock: systemClock,
};

/** Allowed range of every number among the options. */
const RANGES: Partial<Record<keyof TopicsOptions, [number, number]>> = {
  defaultPartitions: [1, 100_000],
  maxMessageBytes: [1024, 1024 * MiB],
  maxBatchBytes: [1024, 1024 * MiB],
  tailCacheBytes: [0, Number.MAX_SAFE_INTEGER],
  maxPendingBytes: [64 * 1024, Number.MAX_SAFE_INTEGER],
  maxTopics: [1, 1_000_000],
  maxPartitionsPerTopic: [1, 100_000],
  maxGroups: [1, 1_000_000],
  maxGroupMembers: [1, 100_000],
  drainTimeoutMs: [0, 3_600_000],
  handlerTimeoutMs: [0, 86_400_000],
};

/**
 * Fills in the defaults.
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake
 */
export function resolveOptions(options: TopicsOptions = {}): ResolvedTopicsOptions {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const range = RANGES[name as keyof TopicsOptions];
    if (!Object.hasOwn(DEFAULTS, name))
      problems.push(`topics.${name}: unknown option; allowed are ${Object.keys(DEFAULTS).join(', ')}`);
    else if (
      range &&
      (!Number.isInteger(value) || (value as number) < range[0] || (value as number) > range[1])
    )
      problems.push(
        `topics.${name}: ${JSON.stringify(value)} is not allowed; a whole number from ${range[0]} to ${range[1]}`,
      );
    else if (name === 'autoCreateTopics' && typeof value !== 'boolean')
      problems.push(`topics.${name}: ${JSON.stringify(value)} is not allowed; true or false`);
    else if (name === 'clock' && !isClock(value))
      problems.push(`topics.${name}: must have the methods now, monotonic and sleep`);
    else if (name === 'topics' && !Array.isArray(value)) problems.push(`topics.${name}: must be a list`);
  }
  if (problems.length > 0) throw new InvalidConfigError(problems);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...DEFAULTS, ...given };
}

function isClock(value: unknown): value is Clock {
  const methods: (keyof Clock)[] = ['now', 'monotonic', 'sleep'];
  return methods.every((name) => typeof (value as Partial<Clock> | null)?.[name] === 'function');
}

/** The adapters the service works on. */
export interface TopicsAdapters {
  /** Keeps topics that name no adapter, and the service's own state. */
  readonly default: StorageAdapter;
  /** All of them, the default one first. Names are unique. */
  readonly all: readonly StorageAdapter[];
  /** Registers what has to be done before the adapters close. */
  beforeClose?(action: () => Promise<void>): void;
}

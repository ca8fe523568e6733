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

/** How to start a topic. All options except functions, custom codecs and schemas are kept across restarts. */
export interface TopicOptions<T = unknown> {
  /** Number of partitions. Default: `defaultPartitions`. To change an existing topic, see `addPartitions`. */
  partitions?: number;
  /** The adapter that keeps the topic, and its settings. Default: the default adapter with its own settings. */
  storage?: TopicStorage;
  /** Chooses the partition of a message that names none. Default: `key_hash`. */
  routing?: Routing;
  /** Converts values to bytes and back. Default: JSON. */
  codec?: Codec<unknown>;
  /**
   * The schema of values: a class with class-validator decorators, or a Standard Schema. Values are checked when published
   * (`SCHEMA_VIOLATION`, nothing is stored) and before a handler gets them (the message becomes a dead letter at once).
   * Tombstones are not checked. Not kept across restarts: pass it on every start. Default: none.
   */
  schema?: TopicSchema<T>;
  /**
   * Compresses the batches that publishing makes, if that makes them smaller. Default `none`. `gzip` needs nothing;
   * `snappy` needs the package `snappy`, `lz4` needs `lz4-napi`, `zstd` needs Node 22.15 or `@toondepauw/node-zstd`.
   */
  compression?: Compression;
  /**
   * Milliseconds a batch waits for more messages before it is written, unless it is full. Makes batches larger where slow
   * publishers would make many small ones, and every publish slower by as much. Up to 60,000. Default 0: messages that
   * wait during a write are packed together, and nothing waits for later messages.
   */
  lingerMs?: number;
  /**
   * Stores messages with the same `id` only once, across restarts and crashes: a repeat within the window resolves to the
   * place of the first message. False turns it off again. Default: ids are stored but ignored.
   */
  dedup?: DedupOptions | false;
}

/** A topic that is created on start if it does not exist. */
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
 * Refuses unknown options: a topic with a misspelt option would be created with the default, which may be permanent.
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

/** Merges the definitions of each topic into one; of two values for an option, the later counts. */
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
  /** Topics that are created on start if they do not exist. */
  topics?: readonly TopicDefinition[];
  /** Whether publishing and subscribing create a topic that does not exist. Default true. */
  autoCreateTopics?: boolean;
  /** Partitions of a topic whose options name no number. Default 1. */
  defaultPartitions?: number;
  /** Largest message (key, value and headers), in bytes. Default 1 MiB (1,048,576). */
  maxMessageBytes?: number;
  /** Largest record batch that waiting messages are packed into, in bytes. Default 1 MiB. */
  maxBatchBytes?: number;
  /** Memory for the newest batches of all partitions together, in bytes. Default 64 MiB; 0 turns it off. */
  tailCacheBytes?: number;
  /**
   * Bytes that may wait to be stored, over all partitions; one partition may take a quarter. Publishers above that wait
   * for room, with as many bytes again; past that, publishing fails with `BACKPRESSURE`. Default 128 MiB.
   */
  maxPendingBytes?: number;
  /** Maximum number of topics. Default 10,000. */
  maxTopics?: number;
  /** Maximum partitions of a topic. Default 1,024. */
  maxPartitionsPerTopic?: number;
  /** Maximum number of consumer groups with committed offsets, and of groups with members. Default 10,000. */
  maxGroups?: number;
  /** Maximum members of a consumer group, inside and outside this process. Default 1,000. */
  maxGroupMembers?: number;
  /** How long running handlers may take to finish when their group stops, in milliseconds. Default 10,000. */
  drainTimeoutMs?: number;
  /** How long a handler may take to return, in milliseconds, in groups without a limit of their own. Default 0: no limit. */
  handlerTimeoutMs?: number;
  /** The time source, for tests. Default: the system's. */
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

/** Allowed range of each numeric option. */
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

/** The storage adapters of a service. */
export interface TopicsAdapters {
  /** The adapter of topics that name none, and of the service's own state. */
  readonly default: StorageAdapter;
  /** All adapters, the default one first. Names are unique. */
  readonly all: readonly StorageAdapter[];
  /** Registers an action to run before the adapters close. */
  beforeClose?(action: () => Promise<void>): void;
}

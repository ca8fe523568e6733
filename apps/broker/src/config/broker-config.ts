import { InvalidConfigError } from '@genrocks/storage';
import { checkOptions } from '@genrocks/storage/config';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, Max, Min, ValidateNested } from 'class-validator';
import { DiskLogOptions } from '@genrocks/storage-disklog';
import { RocksDbOptions } from '@genrocks/storage-rocksdb';
import type { AdapterName } from './adapters.js';
import { HttpConfig } from './http.config.js';
import { KafkaConfig } from './kafka.config.js';
import { kafkaUserProblems } from './kafka-security.js';
import { LimitsConfig } from './limits.config.js';
import { StorageConfig } from './storage.config.js';
import { MAX_PARTITIONS, TopicConfig } from './topic.config.js';
import { LOG_LEVELS, type LogLevelName } from './log-levels.js';
import { checkTopics } from './topic-storage.js';

/**
 * The whole configuration of the broker, checked, with defaults filled in. Keys are in camelCase here and in
 * snake_case in YAML.
 *
 * @publicApi
 */
export class BrokerConfig {
  /** The HTTP API: address, limits, times. */
  @ValidateNested()
  @Type(() => HttpConfig)
  http = new HttpConfig();

  /** The listener for Kafka clients: address, limits, TLS, users. */
  @ValidateNested()
  @Type(() => KafkaConfig)
  kafka = new KafkaConfig();

  /** Where messages are stored, unless a topic overrides it. */
  @ValidateNested()
  @Type(() => StorageConfig)
  storage = new StorageConfig();

  /** Limits of messages, topics and groups. */
  @ValidateNested()
  @Type(() => LimitsConfig)
  limits = new LimitsConfig();

  /** Topics that are created on start if they are missing. */
  @ValidateNested({ each: true })
  @Type(() => TopicConfig)
  topics: TopicConfig[] = [];

  /** Whether publishing to a missing topic creates it. */
  @IsBoolean()
  autoCreateTopics = true;

  /** Partitions of a topic created without a number of partitions. */
  @IsInt()
  @Min(1)
  @Max(MAX_PARTITIONS)
  defaultPartitions = 1;

  /** The least severe level that is logged. Default `log`. */
  @IsIn(LOG_LEVELS)
  logLevel: LogLevelName = 'log';
}

/**
 * Checks a tree of options with the keys of YAML, and fills in the defaults.
 * @param names environment variables that keys came from, by the key's path in camelCase
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake, listing all of them
 */
export function checkBrokerConfig(tree: unknown, names: Record<string, string> = {}): BrokerConfig {
  const problems: string[] = [];
  let config: BrokerConfig | undefined;
  try {
    config = checkOptions(BrokerConfig, tree, { naming: 'snake', names });
  } catch (error) {
    if (!(error instanceof InvalidConfigError)) throw error;
    problems.push(...error.problems);
  }
  const given = (tree ?? {}) as Record<string, unknown>;
  problems.push(...checkTopics(given['topics'], adapterOf(given)));
  problems.push(...kafkaUserProblems((given['kafka'] as { users?: unknown } | null | undefined)?.users));
  if (config !== undefined) problems.push(...kafkaLimitProblems(config));
  if (problems.length > 0 || config === undefined) throw new InvalidConfigError(problems);
  if (uses(config, 'disk_log')) config.storage.diskLog ??= new DiskLogOptions();
  if (uses(config, 'rocksdb')) config.storage.rocksdb ??= new RocksDbOptions();
  return config;
}

/** Problems between two limits. The listener would refuse them too, but under the names of its own options. */
function kafkaLimitProblems({ kafka }: BrokerConfig): string[] {
  const { maxInflightBytes, maxRequestBytes, minSessionTimeoutMs, maxSessionTimeoutMs } = kafka;
  const problems: string[] = [];
  const add = (key: string, value: number, bound: string, least: number) =>
    problems.push(`kafka.${key}: ${value} is not allowed; at least ${bound} (${least})`);
  if (maxInflightBytes < maxRequestBytes)
    add('max_inflight_bytes', maxInflightBytes, 'max_request_bytes', maxRequestBytes);
  if (maxSessionTimeoutMs < minSessionTimeoutMs)
    add('max_session_timeout_ms', maxSessionTimeoutMs, 'min_session_timeout_ms', minSessionTimeoutMs);
  return problems;
}

/** Whether the default or any topic of this configuration uses the adapter. */
function uses({ storage, topics }: BrokerConfig, adapter: AdapterName): boolean {
  return storage.adapter === adapter || topics.some((topic) => topic.storage?.['adapter'] === adapter);
}

/** The default adapter as given, checked or not. */
function adapterOf(tree: Record<string, unknown>): unknown {
  return ((tree['storage'] ?? {}) as { adapter?: unknown }).adapter;
}

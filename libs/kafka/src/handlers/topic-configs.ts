import { InvalidConfigError } from '@genrocks/storage';
import type { Topic } from '@genrocks/topics';

/** The source of a value, in the protocol's numbers. */
export const ConfigSource = { TOPIC: 1, STATIC_BROKER: 4, DEFAULT: 5 } as const;
/** Types of values, in the protocol's numbers. */
export const ConfigType = { BOOLEAN: 1, STRING: 2, INT: 3, LONG: 5, LIST: 7 } as const;

export interface ConfigEntry {
  readonly name: string;
  readonly value: string;
  readonly configSource: number;
  readonly configType: number;
  readonly readOnly: boolean;
}

/** A configuration value as given by a client; null means the default. */
export interface GivenConfig {
  readonly name: string;
  readonly value: string | null;
}

interface FixedConfig {
  readonly value: string;
  readonly type: number;
}

/** Configurations that hold for every topic and accept no other value. */
const FIXED: Readonly<Record<string, FixedConfig>> = {
  'cleanup.policy': { value: 'delete', type: ConfigType.LIST },
  'compression.type': { value: 'producer', type: ConfigType.STRING },
  'message.timestamp.type': { value: 'CreateTime', type: ConfigType.STRING },
  'min.insync.replicas': { value: '1', type: ConfigType.INT },
  'retention.ms': { value: '-1', type: ConfigType.LONG },
  'unclean.leader.election.enable': { value: 'false', type: ConfigType.BOOLEAN },
};

const SEGMENT_BYTES = 'segment.bytes';
const RETENTION_BYTES = 'retention.bytes';
const MAX_MESSAGE_BYTES = 'max.message.bytes';
const DISK_LOG = 'disk_log';
const MAX_FILES = 65_000;

/** The sizes of a wrap log. */
export interface LogSizes {
  readonly maxNoBytes?: number;
  readonly maxNoFiles?: number;
}

/** The context in which a topic's configuration is checked. */
export interface ConfigLimits {
  readonly adapter: string;
  readonly maxMessageBytes: number;
  /** Size of a file if the topic does not set it, in bytes; undefined if not known yet. */
  readonly segmentBytes?: number;
}

/**
 * Converts a topic's whole configuration into the sizes of its log.
 * @throws {InvalidConfigError} `INVALID_CONFIG` if a value cannot be honoured; none is ever ignored
 */
export function sizesFrom(configs: readonly GivenConfig[], limits: ConfigLimits): LogSizes {
  const problems: string[] = [];
  const sizes = new Map<string, number>();
  for (const { name, value } of configs) {
    if (value === null) continue;
    const problem = problemOf(name, value, limits);
    if (problem !== undefined) problems.push(`${name}: ${problem}`);
    else if (isSize(name) && value !== '-1') sizes.set(name, Number(value));
  }
  const given = sizes.get(SEGMENT_BYTES);
  const segment = given ?? limits.segmentBytes;
  const retention = sizes.get(RETENTION_BYTES);
  if (retention !== undefined && segment === undefined) {
    problems.push(`${RETENTION_BYTES}: give ${SEGMENT_BYTES} too; retention removes whole files`);
  }
  if (problems.length > 0) throw new InvalidConfigError(problems);
  return {
    ...(given === undefined ? {} : { maxNoBytes: given }),
    ...(retention === undefined ? {} : { maxNoFiles: filesFor(retention, segment!) }),
  };
}

function problemOf(name: string, value: string, limits: ConfigLimits): string | undefined {
  const fixed = name === MAX_MESSAGE_BYTES ? String(limits.maxMessageBytes) : FIXED[name]?.value;
  if (fixed !== undefined) return value === fixed ? undefined : `${value} is not allowed; only ${fixed} is`;
  if (!isSize(name)) return 'unknown, or not supported here';
  if (name === RETENTION_BYTES && value === '-1') return undefined;
  if (limits.adapter !== DISK_LOG) return 'the storage adapter has no such limit';
  if (/^\d{1,15}$/.test(value) && Number(value) >= 1024) return undefined;
  return `${value} is not allowed; a whole number of bytes from 1024 on`;
}

function isSize(name: string): boolean {
  return name === SEGMENT_BYTES || name === RETENTION_BYTES;
}

/** A wrap log needs at least two files: a full one and the one being written. */
function filesFor(retention: number, segment: number): number {
  return Math.min(MAX_FILES, Math.max(2, Math.ceil(retention / segment)));
}

/** The sizes in effect for a topic's log; undefined if it is not a wrap log. */
export async function sizesOf(topic: Topic): Promise<Required<LogSizes> | undefined> {
  const partition = topic.partitions.find(({ state }) => state === 'open');
  if (topic.describe().adapter !== DISK_LOG || partition === undefined) return undefined;
  const { log_type, max_no_bytes, max_no_files } = (await partition.info()).store?.details ?? {};
  if (log_type !== 'wrap' || typeof max_no_bytes !== 'number' || typeof max_no_files !== 'number')
    return undefined;
  return { maxNoBytes: max_no_bytes, maxNoFiles: max_no_files };
}

/** The configurations that are set on the topic itself, by their Kafka names. */
export async function ownConfigsOf(topic: Topic): Promise<Map<string, string | null>> {
  const sizes = await sizesOf(topic);
  const { maxNoBytes, maxNoFiles } = topic.describe().settings;
  const own = new Map<string, string | null>();
  if (sizes === undefined) return own;
  if (maxNoBytes !== undefined) own.set(SEGMENT_BYTES, String(sizes.maxNoBytes));
  if (maxNoFiles !== undefined) own.set(RETENTION_BYTES, String(sizes.maxNoBytes * sizes.maxNoFiles));
  return own;
}

/** The whole configuration of a topic, by Kafka names. */
export async function configsOf(topic: Topic, maxMessageBytes: number): Promise<ConfigEntry[]> {
  const entries: ConfigEntry[] = Object.entries(FIXED).map(([name, { value, type }]) =>
    entry(name, value, type, ConfigSource.DEFAULT),
  );
  entries.push(entry(MAX_MESSAGE_BYTES, String(maxMessageBytes), ConfigType.INT, ConfigSource.STATIC_BROKER));
  const sizes = await sizesOf(topic);
  const own = await ownConfigsOf(topic);
  const size = (name: string, value: number, type: number): ConfigEntry => {
    const source = own.has(name) ? ConfigSource.TOPIC : ConfigSource.STATIC_BROKER;
    return { ...entry(name, String(value), type, source), readOnly: false };
  };
  if (sizes === undefined) {
    return [...entries, entry(RETENTION_BYTES, '-1', ConfigType.LONG, ConfigSource.DEFAULT)];
  }
  const { maxNoBytes, maxNoFiles } = sizes;
  return [
    ...entries,
    size(SEGMENT_BYTES, maxNoBytes, ConfigType.INT),
    size(RETENTION_BYTES, maxNoBytes * maxNoFiles, ConfigType.LONG),
  ];
}

export function entry(name: string, value: string, configType: number, configSource: number): ConfigEntry {
  return { name, value, configType, configSource, readOnly: true };
}

import { InvalidConfigError } from '@genrocks/storage';
import type { Topic, TopicStorage } from '@genrocks/topics';

/** Where a value comes from, in the protocol's numbers. */
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

interface FixedConfig {
  readonly value: string;
  readonly type: number;
}

/** What holds for every topic here, and cannot be set to anything else. */
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
const MAX_FILES = 65_000;

/**
 * Turns a Kafka client's topic configuration into storage settings.
 * @throws {InvalidConfigError} `INVALID_CONFIG` for what cannot be honoured; nothing is taken and then ignored
 */
export function storageOf(
  configs: readonly { readonly name: string; readonly value: string | null }[],
  defaultAdapter: string,
): TopicStorage | undefined {
  const problems: string[] = [];
  const sizes = new Map<string, number>();
  for (const { name, value } of configs) {
    const fixed = FIXED[name];
    const isSize = name === SEGMENT_BYTES || name === RETENTION_BYTES;
    if (value === null) continue;
    if (fixed !== undefined) {
      if (value !== fixed.value) problems.push(`${name}: ${value} is not allowed; only ${fixed.value} is`);
    } else if (!isSize) problems.push(`${name}: unknown option, or one that is not supported here`);
    else if (name === RETENTION_BYTES && value === '-1') continue;
    else if (defaultAdapter !== 'disk_log') problems.push(`${name}: the storage adapter has no such limit`);
    else if (!/^\d{1,15}$/.test(value) || Number(value) < 1024) {
      problems.push(`${name}: ${value} is not allowed; a whole number of bytes from 1024 on`);
    } else sizes.set(name, Number(value));
  }
  const segment = sizes.get(SEGMENT_BYTES);
  const retention = sizes.get(RETENTION_BYTES);
  if (retention !== undefined && segment === undefined) {
    problems.push(`${RETENTION_BYTES}: give ${SEGMENT_BYTES} too; files are dropped as a whole`);
  }
  if (problems.length > 0) throw new InvalidConfigError(problems);
  if (segment === undefined) return undefined;
  if (retention === undefined) return { maxNoBytes: segment };
  return {
    maxNoBytes: segment,
    maxNoFiles: Math.min(MAX_FILES, Math.max(2, Math.ceil(retention / segment))),
  };
}

/** The configuration of a topic as Kafka names it. */
export function configsOf(topic: Topic, maxMessageBytes: number): ConfigEntry[] {
  const entries: ConfigEntry[] = Object.entries(FIXED).map(([name, { value, type }]) =>
    entry(name, value, type, ConfigSource.DEFAULT),
  );
  entries.push(
    entry('max.message.bytes', String(maxMessageBytes), ConfigType.INT, ConfigSource.STATIC_BROKER),
  );
  const { maxNoBytes, maxNoFiles } = topic.describe().settings;
  if (typeof maxNoBytes === 'number') {
    entries.push(entry(SEGMENT_BYTES, String(maxNoBytes), ConfigType.INT, ConfigSource.TOPIC));
    if (typeof maxNoFiles === 'number') {
      const bytes = String(maxNoBytes * maxNoFiles);
      entries.push(entry(RETENTION_BYTES, bytes, ConfigType.LONG, ConfigSource.TOPIC));
    }
  }
  return entries;
}

export function entry(name: string, value: string, configType: number, configSource: number): ConfigEntry {
  return { name, value, configType, configSource, readOnly: true };
}

import { randomUUID } from 'node:crypto';
import { assertTopicName, InvalidConfigError, type StorageAdapter } from '@genrocks/storage';
import { resolveDedup } from './dedup/dedup-options.js';
import {
  AdapterNotFoundError,
  LimitReachedError,
  ReservedTopicNameError,
  TopicExistsError,
} from './errors.js';
import type { TopicRecord } from './meta/topic-record.js';
import {
  assertTopicOptions,
  type ResolvedTopicsOptions,
  type TopicOptions,
  type TopicsAdapters,
} from './options.js';
import { type Compression, COMPRESSIONS } from './records/batch-header.js';
import { assertCompression } from './records/compression.js';
import { NAMED_ROUTINGS, type Routing, routingName } from './routing/router.js';
import { STANDS_IN } from './topics.tokens.js';

/** Longest `lingerMs`. */
const MAX_LINGER_MS = 60_000;

/** Checks the options of a topic and turns them into its registry record. */
export class TopicShapes {
  constructor(
    private readonly adapters: TopicsAdapters,
    private readonly options: ResolvedTopicsOptions,
  ) {}

  /** @throws `INVALID_CONFIG`, `LIMIT_REACHED`, `ADAPTER_NOT_FOUND`, `UNSUPPORTED_COMPRESSION` */
  create(name: string, options: TopicOptions): TopicRecord {
    assertTopicOptions(name, options);
    const {
      partitions = this.options.defaultPartitions,
      storage = {},
      routing = 'key_hash',
      codec,
    } = options;
    const { adapter: adapterName, ...settings } = storage;
    const max = this.options.maxPartitionsPerTopic;
    if (!Number.isInteger(partitions) || partitions < 1) {
      throw new InvalidConfigError([
        `topics.${name}.partitions: ${JSON.stringify(partitions)} is not allowed; a whole number from 1 to ${max}`,
      ]);
    }
    this.assertPartitions(name, partitions);
    const adapter = this.adapter(adapterName);
    checkSettings(name, adapter, settings);
    return {
      name,
      id: randomUUID(),
      partitions,
      adapter: adapter.name,
      settings,
      routing: routingName(checkRouting(name, routing)),
      codec: codec?.name ?? 'json',
      ...publishSettings(name, options),
      state: 'running',
      createdAt: Date.now(),
    };
  }

  /**
   * The record of an existing topic with the changes of the options.
   * @throws `TOPIC_EXISTS` for options that cannot change, `INVALID_CONFIG`, `ADAPTER_NOT_FOUND`, `UNSUPPORTED_COMPRESSION`
   */
  update(record: TopicRecord, options: TopicOptions): TopicRecord {
    assertTopicOptions(record.name, options);
    this.assertFixed(record, options);
    const { adapter: _, ...given } = options.storage ?? {};
    const { routing, codec } = options;
    const settings = { ...record.settings, ...given };
    checkSettings(record.name, this.adapter(record.adapter), settings);
    return {
      ...record,
      settings,
      routing: routing === undefined ? record.routing : routingName(checkRouting(record.name, routing)),
      codec: codec?.name ?? record.codec,
      ...publishSettings(record.name, options),
      ...(options.dedup === false ? { dedup: undefined } : {}),
    };
  }

  /**
   * The record with more partitions.
   * @throws `INVALID_CONFIG` for fewer than it has, `LIMIT_REACHED`
   */
  grow(record: TopicRecord, partitions: number): TopicRecord {
    if (!Number.isInteger(partitions) || partitions < record.partitions) {
      throw new InvalidConfigError([
        `topics.${record.name}.partitions: ${JSON.stringify(partitions)} is not allowed; it has ${record.partitions}, ` +
          'and partitions can only be added',
      ]);
    }
    this.assertPartitions(record.name, partitions);
    return { ...record, partitions };
  }

  /**
   * The record with all its storage settings replaced.
   * @throws `INVALID_CONFIG`, `ADAPTER_NOT_FOUND`
   */
  alterStorage(record: TopicRecord, settings: Readonly<Record<string, unknown>>): TopicRecord {
    checkSettings(record.name, this.adapter(record.adapter), settings);
    return { ...record, settings };
  }

  /** @throws `TOPIC_EXISTS` if the options would change a running topic */
  assertUnchanged(record: TopicRecord, options: TopicOptions, schema: TopicOptions['schema']): void {
    if (options.schema !== undefined && options.schema !== schema) {
      throw new TopicExistsError(
        record.name,
        'it runs with another schema, or none; stop it first to change it',
      );
    }
    const asked = this.update(record, options);
    const { settings, compression = 'none', lingerMs = 0, dedup } = asked;
    if (compression !== (record.compression ?? 'none')) {
      throw new TopicExistsError(record.name, 'its compression differs; stop it first to change it');
    }
    if (lingerMs !== (record.lingerMs ?? 0) || JSON.stringify(dedup) !== JSON.stringify(record.dedup)) {
      throw new TopicExistsError(record.name, 'its lingerMs or dedup differs; stop it first to change it');
    }
    if (JSON.stringify(settings) === JSON.stringify(record.settings)) return;
    throw new TopicExistsError(record.name, 'its storage settings differ; stop it first to change them');
  }

  /** @throws `ADAPTER_NOT_FOUND` */
  adapter(name: string | undefined): StorageAdapter {
    if (name === undefined) return this.adapters.default;
    const { all } = this.adapters;
    const adapter =
      all.find((candidate) => candidate.name === name) ??
      all.find((candidate: StorageAdapter & { [STANDS_IN]?: boolean }) => candidate[STANDS_IN] === true);
    if (adapter !== undefined) return adapter;
    throw new AdapterNotFoundError(
      name,
      all.map((candidate) => candidate.name),
    );
  }

  private assertPartitions(name: string, partitions: number): void {
    const max = this.options.maxPartitionsPerTopic;
    if (partitions <= max) return;
    const what = `topic "${name}" cannot have ${partitions} partitions`;
    throw new LimitReachedError(what, max, 'ask for fewer', 'maxPartitionsPerTopic');
  }

  private assertFixed(record: TopicRecord, { partitions, storage }: TopicOptions): void {
    if (partitions !== undefined && partitions !== record.partitions) {
      throw new TopicExistsError(
        record.name,
        `it has ${record.partitions} partition(s), not ${partitions}; ${howToChange(record, partitions)}`,
      );
    }
    const adapter = storage?.adapter;
    if (adapter !== undefined && this.adapter(adapter).name !== record.adapter) {
      throw new TopicExistsError(record.name, `it is kept by the adapter ${record.adapter}, not ${adapter}`);
    }
  }
}

/** @throws `INVALID_TOPIC_NAME`, `RESERVED_TOPIC_NAME` */
export function assertUserTopicName(name: unknown): asserts name is string {
  assertTopicName(name);
  if (name.startsWith('__')) throw new ReservedTopicNameError(name);
}

/** The routing a topic was created with. A function must come from the application on every start. */
export function storedRouting(record: TopicRecord): Routing {
  if (record.routing !== 'custom') return record.routing;
  return () => {
    throw new InvalidConfigError([
      `topics.${record.name}.routing: the topic routes by a function; pass it when starting the topic`,
    ]);
  };
}

/** The partition of a key depends on the partition count, so a line of configuration alone does not change the count. */
function howToChange({ name, partitions: present }: TopicRecord, partitions: number): string {
  if (partitions < present) return 'partitions can only be added';
  return `add them first, by addPartitions or "genrocks topic add-partitions ${name} ${partitions}"; keys may move`;
}

/** Adds the topic to the adapter's message, because an adapter does not know topics. */
function checkSettings(
  name: string,
  adapter: StorageAdapter,
  settings: Readonly<Record<string, unknown>>,
): void {
  try {
    adapter.validateSettings(settings);
  } catch (error) {
    if (!(error instanceof InvalidConfigError)) throw error;
    throw new InvalidConfigError(error.problems.map((problem) => `topic ${name}: ${problem}`));
  }
}

function checkRouting(name: string, routing: Routing): Routing {
  if (typeof routing === 'function' || NAMED_ROUTINGS.includes(routing)) return routing;
  throw new InvalidConfigError([
    `topics.${name}.routing: ${JSON.stringify(routing)} is not allowed; ${NAMED_ROUTINGS.join(', ')} or a function`,
  ]);
}

/** The options about publishing, checked. */
function publishSettings(
  name: string,
  { compression, lingerMs, dedup }: TopicOptions,
): Pick<TopicRecord, 'compression' | 'lingerMs' | 'dedup'> {
  const ids = dedup === undefined ? undefined : resolveDedup(name, dedup);
  return {
    ...(compression === undefined ? {} : { compression: checkCompression(name, compression) }),
    ...(lingerMs === undefined ? {} : { lingerMs: checkLinger(name, lingerMs) }),
    ...(ids === undefined ? {} : { dedup: ids }),
  };
}

function checkLinger(name: string, lingerMs: number): number {
  if (Number.isInteger(lingerMs) && lingerMs >= 0 && lingerMs <= MAX_LINGER_MS) return lingerMs;
  throw new InvalidConfigError([
    `topics.${name}.lingerMs: ${JSON.stringify(lingerMs)} is not allowed; a whole number from 0 to ${MAX_LINGER_MS}`,
  ]);
}

function checkCompression(name: string, compression: Compression): Compression {
  if (!COMPRESSIONS.includes(compression)) {
    throw new InvalidConfigError([
      `topics.${name}.compression: ${JSON.stringify(compression)} is not allowed; ${COMPRESSIONS.join(', ')}`,
    ]);
  }
  assertCompression(compression);
  return compression;
}

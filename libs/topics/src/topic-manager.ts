import { randomUUID } from 'node:crypto';
import { assertTopicName, InvalidConfigError, type StorageAdapter } from '@genrocks/storage';
import { codecNamed } from './codecs.js';
import {
  AdapterNotFoundError,
  LimitReachedError,
  ReservedTopicNameError,
  TopicExistsError,
  TopicNotFoundError,
} from './errors.js';
import type { TopicsEvents } from './events.js';
import type { GroupOffsets } from './groups/group-offsets.js';
import { KeyedMutex, forEachLimited } from './keyed-mutex.js';
import { logStartKey, type MetaSnapshot, type MetaStore, topicKey } from './meta/meta-store.js';
import type { TopicRecord } from './meta/topic-record.js';
import type { ResolvedTopicsOptions, TopicOptions, TopicsAdapters } from './options.js';
import type { PartitionEnvironment } from './partition/partition.js';
import { Router, type Routing, routingName } from './routing/router.js';
import type { UnregisteredStore } from './status.types.js';
import { StoreInventory } from './store-inventory.js';
import { Topic, type TopicFacts } from './topic.js';
import { TopicOpener } from './topic-opener.js';

/** Topics opened or closed at once. */
const PARALLEL_TOPICS = 8;

/** Told of topics that open and close, so that consumers can take and let go of partitions. */
export interface TopicHooks {
  afterOpen(topic: Topic): void;
  /** The partitions close when this resolves. */
  beforeClose(topic: Topic): Promise<void>;
}

interface Managed {
  readonly topic: Topic;
  record: TopicRecord;
}

/** Creates, opens, stops and deletes topics, and keeps the registry of them. */
export class TopicManager {
  private readonly topics = new Map<string, Managed>();
  /** Topic objects that were injected: they serve their name for good, even before the topic is there. */
  private readonly handles = new Map<string, Topic>();
  private readonly logStarts = new Map<string, number>();
  private readonly mutex = new KeyedMutex();
  private readonly opener: TopicOpener;
  private readonly inventory: StoreInventory;
  hooks: TopicHooks = { afterOpen: () => {}, beforeClose: async () => {} };

  constructor(
    private readonly adapters: TopicsAdapters,
    private readonly options: ResolvedTopicsOptions,
    environment: PartitionEnvironment,
    private readonly meta: MetaStore,
    private readonly offsets: GroupOffsets,
    private readonly events: TopicsEvents,
  ) {
    this.opener = new TopicOpener(environment, events);
    this.inventory = new StoreInventory(adapters);
  }

  /** Opens what the registry knows, and finishes deletions a crash has interrupted. */
  async load(snapshot: MetaSnapshot): Promise<void> {
    for (const { topicId, partition, offset } of snapshot.logStarts) {
      this.logStarts.set(`${topicId}/${partition}`, offset);
    }
    for (const record of snapshot.topics) {
      this.topics.set(record.name, { topic: this.newTopic(record.name), record });
    }
    await forEachLimited([...this.topics.values()], PARALLEL_TOPICS, async (managed) => {
      const { record, topic } = managed;
      if (record.state === 'deleting') await this.finishDeletion(managed);
      else if (record.state === 'stopped') topic.detach('stopped', this.factsOf(record));
      else await this.open(managed, this.configuredOptions(record.name), false);
    });
    await this.findUnregistered();
  }

  /** Looks for stores that no topic of the registry owns. */
  findUnregistered(): Promise<readonly UnregisteredStore[]> {
    return this.inventory.refresh([...this.topics.values()].map(({ record }) => record));
  }

  /** The topic's object for injection: the same one for ever, and there before the topic is. */
  handle(name: string): Topic {
    assertUserTopicName(name);
    const topic = this.topics.get(name)?.topic ?? this.newTopic(name);
    this.handles.set(name, topic);
    return topic;
  }

  get(name: string): Topic {
    const managed = this.topics.get(name);
    if (managed === undefined) throw new TopicNotFoundError(name);
    return managed.topic;
  }

  has(name: string): boolean {
    return this.topics.has(name);
  }

  /** How many partitions of a topic can be consumed now. */
  consumable(name: string): number {
    const managed = this.topics.get(name);
    return managed?.record.state === 'running' ? managed.topic.partitions.length : 0;
  }

  list(): Topic[] {
    return [...this.topics.values()].map(({ topic }) => topic);
  }

  /** Creates a topic, or reopens it with what is new in the options. */
  start(name: string, options: TopicOptions = {}): Promise<Topic> {
    assertUserTopicName(name);
    return this.mutex.run(name, async () => {
      const managed = this.topics.get(name);
      if (managed?.record.state === 'deleting') await this.finishDeletion(managed);
      if (managed === undefined || managed.record.state === 'deleting') return this.create(name, options);
      this.assertSameShape(managed, options);
      if (managed.topic.state === 'running') return managed.topic;
      const record = this.updated(managed.record, options);
      await this.meta.write([{ key: topicKey(name), value: record }]);
      managed.record = record;
      await this.open(managed, { ...this.configuredOptions(name), ...options }, true);
      return managed.topic;
    });
  }

  stop(name: string): Promise<void> {
    return this.mutex.run(name, async () => {
      const managed = this.managed(name);
      if (managed.record.state === 'stopped') return;
      await this.mark(managed, 'stopped');
      await this.close(managed, 'stopped');
      this.events.send('topic-stopped', { topic: name });
    });
  }

  delete(name: string): Promise<void> {
    return this.mutex.run(name, async () => {
      const managed = this.managed(name);
      await this.mark(managed, 'deleting');
      await this.close(managed, 'deleted');
      await this.finishDeletion(managed);
      this.events.send('topic-deleted', { topic: name });
    });
  }

  async closeAll(): Promise<void> {
    await forEachLimited([...this.topics.values()], PARALLEL_TOPICS, async ({ topic }) => {
      const open = topic.detach('stopped');
      if (open !== undefined) await this.opener.close(open.partitions);
    });
  }

  private managed(name: string): Managed {
    const managed = this.topics.get(name);
    if (managed === undefined) throw new TopicNotFoundError(name);
    return managed;
  }

  private newTopic(name: string): Topic {
    return this.handles.get(name) ?? new Topic(name);
  }

  private async mark(managed: Managed, state: TopicRecord['state']): Promise<void> {
    const record: TopicRecord = { ...managed.record, state };
    await this.meta.write([{ key: topicKey(record.name), value: record }]);
    managed.record = record;
  }

  private async create(name: string, options: TopicOptions): Promise<Topic> {
    if (this.topics.size >= this.options.maxTopics) {
      throw new LimitReachedError('maxTopics', this.options.maxTopics);
    }
    const record = this.newRecord(name, options);
    this.inventory.assertFits(record);
    const managed: Managed = { topic: this.newTopic(name), record };
    await this.meta.write([{ key: topicKey(name), value: record }]);
    try {
      await this.open(managed, options, true);
    } catch (error) {
      await this.meta.write([{ key: topicKey(name), value: null }]);
      throw error;
    }
    this.inventory.adopt(record);
    this.events.send('topic-created', { topic: name });
    return managed.topic;
  }

  private newRecord(name: string, options: TopicOptions): TopicRecord {
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
    if (partitions > max) throw new LimitReachedError('maxPartitionsPerTopic', max);
    const adapter = this.adapterNamed(adapterName);
    adapter.validateSettings(settings);
    return {
      name,
      id: randomUUID(),
      partitions,
      adapter: adapter.name,
      settings,
      routing: routingName(checkRouting(name, routing)),
      codec: codec?.name ?? 'json',
      state: 'running',
      createdAt: Date.now(),
    };
  }

  private assertSameShape({ record, topic }: Managed, { partitions, storage }: TopicOptions): void {
    if (partitions !== undefined && partitions !== record.partitions) {
      throw new TopicExistsError(record.name, `it has ${record.partitions} partition(s), not ${partitions}`);
    }
    const { adapter, ...settings } = storage ?? {};
    if (adapter !== undefined && this.adapterNamed(adapter).name !== record.adapter) {
      throw new TopicExistsError(record.name, `it is kept by the adapter ${record.adapter}, not ${adapter}`);
    }
    const changed = Object.entries(settings).some(
      ([key, value]) => JSON.stringify(record.settings[key]) !== JSON.stringify(value),
    );
    if (changed && topic.state === 'running') {
      throw new TopicExistsError(record.name, 'its storage settings differ; stop it first to change them');
    }
  }

  private updated(record: TopicRecord, { storage, routing, codec }: TopicOptions): TopicRecord {
    const { adapter: _, ...given } = storage ?? {};
    const settings = { ...record.settings, ...given };
    this.adapterNamed(record.adapter).validateSettings(settings);
    return {
      ...record,
      settings,
      state: 'running',
      routing: routing === undefined ? record.routing : routingName(checkRouting(record.name, routing)),
      codec: codec?.name ?? record.codec,
    };
  }

  /** Functions and codecs cannot be remembered, so they come from the options again on every start. */
  private configuredOptions(name: string): TopicOptions {
    return this.options.topics.find((definition) => definition.name === name) ?? {};
  }

  private async open(managed: Managed, options: TopicOptions, strict: boolean): Promise<void> {
    const { topic, record } = managed;
    const adapter = this.adapterNamed(record.adapter);
    const codec = options.codec ?? codecNamed(record.codec);
    const owner = {
      name: record.name,
      codec,
      saveLogStart: (partition: number, offset: number) => this.saveLogStart(record.id, partition, offset),
    };
    const floorOf = (partition: number) => {
      const logStart = this.logStarts.get(`${record.id}/${partition}`) ?? 0;
      return { logStart, nextOffset: this.offsets.range(record.name, partition)?.highest ?? 0 };
    };
    const partitions = await this.opener.open(record, adapter, owner, floorOf, strict);
    const limits = {
      maxMessageBytes: this.options.maxMessageBytes,
      maxValueBytes: adapter.supports.maxValueBytes,
    };
    const router = new Router(record.name, options.routing ?? storedRouting(record));
    topic.attach(this.factsOf(record), { partitions, router, codec, limits });
    this.topics.set(record.name, managed);
    this.events.send('topic-started', { topic: record.name });
    this.hooks.afterOpen(topic);
  }

  private async close({ topic, record }: Managed, state: 'stopped' | 'deleted'): Promise<void> {
    await this.hooks.beforeClose(topic);
    const open = topic.detach(state, this.factsOf(record));
    if (open !== undefined) await this.opener.close(open.partitions);
  }

  private async finishDeletion({ topic, record }: Managed): Promise<void> {
    const adapter = this.adapterNamed(record.adapter);
    const starts: { key: readonly string[]; value: null }[] = [];
    for (let partition = 0; partition < record.partitions; partition++) {
      await adapter.destroy(record.name, partition);
      starts.push({ key: logStartKey(record.id, partition), value: null });
      this.logStarts.delete(`${record.id}/${partition}`);
    }
    await this.meta.write([...starts, ...this.offsets.removalOf(record.name)]);
    // Last, so that a crash before it only means doing the rest again.
    await this.meta.write([{ key: topicKey(record.name), value: null }]);
    this.offsets.forgetTopic(record.name);
    topic.detach('deleted', this.factsOf(record));
    this.topics.delete(record.name);
  }

  private async saveLogStart(topicId: string, partition: number, offset: number): Promise<void> {
    await this.meta.write([{ key: logStartKey(topicId, partition), value: { offset } }]);
    this.logStarts.set(`${topicId}/${partition}`, offset);
  }

  private adapterNamed(name: string | undefined): StorageAdapter {
    if (name === undefined) return this.adapters.default;
    const adapter = this.adapters.all.find((candidate) => candidate.name === name);
    if (adapter !== undefined) return adapter;
    throw new AdapterNotFoundError(
      name,
      this.adapters.all.map((candidate) => candidate.name),
    );
  }

  private factsOf(record: TopicRecord): TopicFacts {
    const { id, adapter, settings, routing, codec, partitions, createdAt } = record;
    const { durable } = this.adapterNamed(adapter).supports;
    return { id, adapter, durable, settings, routing, codec, partitionCount: partitions, createdAt };
  }
}

/** @throws `INVALID_TOPIC_NAME`, `RESERVED_TOPIC_NAME` */
export function assertUserTopicName(name: unknown): asserts name is string {
  assertTopicName(name);
  if (name.startsWith('__')) throw new ReservedTopicNameError(name);
}

function checkRouting(name: string, routing: Routing): Routing {
  if (typeof routing === 'function' || routing === 'key_hash' || routing === 'round_robin') return routing;
  throw new InvalidConfigError([
    `topics.${name}.routing: ${JSON.stringify(routing)} is not allowed; key_hash, round_robin or a function`,
  ]);
}

function storedRouting(record: TopicRecord): Routing {
  if (record.routing !== 'custom') return record.routing;
  return () => {
    throw new InvalidConfigError([
      `topics.${record.name}.routing: the topic routes by a function; pass it when starting the topic`,
    ]);
  };
}

import { codecNamed } from './codecs.js';
import { LimitReachedError, TopicNotFoundError } from './errors.js';
import type { TopicsEvents } from './events.js';
import type { GroupOffsets } from './groups/group-offsets.js';
import type { Instruments } from './instrumentation.js';
import { KeyedMutex, forEachLimited } from './keyed-mutex.js';
import {
  type MetaChange,
  type MetaSnapshot,
  type MetaStore,
  redrivenKey,
  topicKey,
} from './meta/meta-store.js';
import type { TopicRecord } from './meta/topic-record.js';
import type { ResolvedTopicsOptions, TopicDefinition, TopicOptions, TopicsAdapters } from './options.js';
import type { Partition } from './partition/partition.js';
import type { PartitionEnvironment } from './partition/partition.types.js';
import type { UnregisteredStore } from './status.types.js';
import { StoreInventory } from './store-inventory.js';
import { valueSchema } from './schema/checked-codec.js';
import { Topic, type TopicFacts } from './topic.js';
import { TopicOpener } from './topic-opener.js';
import { assertUserTopicName, storedRouting, TopicShapes } from './topic-shape.js';

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
  /** Functions and codecs, which the registry cannot keep: as they were given last. */
  given: Pick<TopicOptions, 'routing' | 'codec' | 'schema'>;
}

/** Creates, opens, stops and deletes topics, and keeps the registry of them. */
export class TopicManager {
  private readonly topics = new Map<string, Managed>();
  /** Topic objects that were injected: they serve their name for good, even before the topic is there. */
  private readonly handles = new Map<string, Topic>();
  private readonly mutex = new KeyedMutex();
  private readonly opener: TopicOpener;
  private readonly inventory: StoreInventory;
  private readonly shapes: TopicShapes;
  /** Topics being created, which count towards the limit already. */
  private creating = 0;
  hooks: TopicHooks = { afterOpen: () => {}, beforeClose: async () => {} };

  constructor(
    adapters: TopicsAdapters,
    private readonly options: ResolvedTopicsOptions,
    environment: PartitionEnvironment,
    private readonly meta: MetaStore,
    private readonly offsets: GroupOffsets,
    private readonly events: TopicsEvents,
    private readonly instruments: Instruments,
  ) {
    this.inventory = new StoreInventory(adapters);
    this.shapes = new TopicShapes(adapters, options);
    this.opener = new TopicOpener(options, environment, this.shapes, meta, offsets, events);
  }

  /**
   * Opens what the registry knows, with what is new in the application's definitions, and finishes deletions a
   * crash has interrupted.
   */
  async load(snapshot: MetaSnapshot, definitions: readonly TopicDefinition[]): Promise<void> {
    this.opener.load(snapshot);
    const configured = new Map(definitions.map((definition) => [definition.name, definition]));
    for (const record of snapshot.topics) {
      const managed = { topic: this.newTopic(record.name), record, given: configured.get(record.name) ?? {} };
      this.topics.set(record.name, managed);
    }
    await forEachLimited([...this.topics.values()], PARALLEL_TOPICS, async (managed) => {
      const { record, topic } = managed;
      if (record.state === 'deleting') await this.finishDeletion(managed);
      else if (record.state === 'stopped') topic.detach('stopped', this.factsOf(record));
      else {
        await this.save(managed, this.shapes.update(record, configured.get(record.name) ?? {}));
        await this.open(managed, false);
      }
    });
    await this.findUnregistered();
  }

  /** Creates the topics of these definitions that are missing. What an operator has stopped stays so. */
  async startAll(definitions: readonly TopicDefinition[]): Promise<void> {
    await forEachLimited(definitions, PARALLEL_TOPICS, async ({ name, ...options }) => {
      if (this.topics.get(name)?.record.state !== 'stopped') await this.start(name, options);
    });
  }

  /** Looks for stores that no topic of the registry owns. */
  findUnregistered(): Promise<readonly UnregisteredStore[]> {
    return this.inventory.refresh([...this.topics.values()].map(({ record }) => record));
  }

  /** What the last look found. */
  get unregistered(): readonly UnregisteredStore[] {
    return this.inventory.unregistered;
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

  /** By name. */
  list(): Topic[] {
    const topics = [...this.topics.values()].map(({ topic }) => topic);
    return topics.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Creates a topic, or reopens it with what is new in the options. */
  start(name: string, options: TopicOptions = {}): Promise<Topic> {
    assertUserTopicName(name);
    return this.mutex.run(name, async () => {
      const managed = this.topics.get(name);
      if (managed?.record.state === 'deleting') await this.finishDeletion(managed);
      if (managed === undefined || managed.record.state === 'deleting') return this.create(name, options);
      if (managed.topic.state === 'running') {
        this.shapes.assertUnchanged(managed.record, options, managed.given.schema);
        return managed.topic;
      }
      await this.save(managed, { ...this.shapes.update(managed.record, options), state: 'running' });
      managed.given = {
        routing: options.routing ?? managed.given.routing,
        codec: options.codec ?? managed.given.codec,
        schema: options.schema ?? managed.given.schema,
      };
      await this.open(managed, true);
      return managed.topic;
    });
  }

  /** Adds partitions; there are `total` of them then. */
  addPartitions(name: string, total: number): Promise<Topic> {
    return this.mutex.run(name, async () => {
      const managed = this.managed(name);
      const { topic, record } = managed;
      const grown = this.shapes.grow(record, total);
      if (total === record.partitions) return topic;
      const open = topic.opened;
      if (open === undefined) {
        await this.save(managed, grown);
        topic.detach(topic.state, this.factsOf(grown));
        return topic;
      }
      const added = await this.opener.openAdded(grown, open);
      try {
        await this.beginAt(name, added);
        await this.save(managed, grown);
      } catch (error) {
        await this.opener.close(added);
        throw error;
      }
      topic.grow(this.factsOf(grown, topic.describe().schema), added);
      this.hooks.afterOpen(topic);
      this.events.send('partitions-added', { topic: name, partitions: total });
      return topic;
    });
  }

  /**
   * Gives a topic other storage settings, in place of all it had. One that runs is closed and opened again for it.
   */
  alterStorage(name: string, settings: Readonly<Record<string, unknown>>): Promise<Topic> {
    return this.mutex.run(name, async () => {
      const managed = this.managed(name);
      const { topic, record } = managed;
      const altered = this.shapes.alterStorage(record, settings);
      if (JSON.stringify(altered.settings) === JSON.stringify(record.settings)) return topic;
      await this.save(managed, altered);
      if (topic.state !== 'running') {
        topic.detach(topic.state, this.factsOf(altered));
        return topic;
      }
      try {
        await this.reopen(managed, altered);
      } catch (error) {
        await this.save(managed, record);
        await this.reopen(managed, record);
        throw error;
      }
      return topic;
    });
  }

  stop(name: string): Promise<void> {
    return this.mutex.run(name, async () => {
      const managed = this.managed(name);
      if (managed.record.state === 'stopped') return;
      await this.save(managed, { ...managed.record, state: 'stopped' });
      await this.close(managed, 'stopped');
      this.events.send('topic-stopped', { topic: name });
    });
  }

  delete(name: string): Promise<void> {
    return this.mutex.run(name, async () => {
      const managed = this.managed(name);
      await this.save(managed, { ...managed.record, state: 'deleting' });
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
    return this.handles.get(name) ?? new Topic(name, this.instruments);
  }

  private async save(managed: Managed, record: TopicRecord): Promise<void> {
    if (JSON.stringify(record) === JSON.stringify(managed.record)) return;
    await this.meta.write([{ key: topicKey(record.name), value: record }]);
    managed.record = record;
  }

  private async create(name: string, options: TopicOptions): Promise<Topic> {
    if (this.topics.size + this.creating >= this.options.maxTopics) {
      throw new LimitReachedError('maxTopics', this.options.maxTopics);
    }
    const record = this.shapes.create(name, options);
    this.inventory.assertFits(record);
    const managed: Managed = { topic: this.newTopic(name), record, given: options };
    this.creating++;
    try {
      await this.meta.write([{ key: topicKey(name), value: record }]);
      await this.open(managed, true);
    } catch (error) {
      await this.meta.write([{ key: topicKey(name), value: null }]);
      throw error;
    } finally {
      this.creating--;
    }
    this.inventory.adopt(record);
    this.events.send('topic-created', { topic: name });
    return managed.topic;
  }

  private async open(managed: Managed, strict: boolean): Promise<void> {
    const { topic, record, given } = managed;
    const parts = {
      routing: given.routing ?? storedRouting(record),
      codec: given.codec ?? codecNamed(record.codec),
      schema: given.schema === undefined ? undefined : valueSchema(record.name, given.schema),
    };
    topic.attach(this.factsOf(record, parts.schema?.name), await this.opener.open(record, parts, strict));
    this.topics.set(record.name, managed);
    this.events.send('topic-started', { topic: record.name });
    this.hooks.afterOpen(topic);
  }

  private async reopen(managed: Managed, record: TopicRecord): Promise<void> {
    // Consumers let go of a topic that does not run.
    managed.record = { ...record, state: 'stopped' };
    await this.close(managed, 'stopped');
    managed.record = record;
    await this.open(managed, true);
  }

  /** Groups that read the topic read new partitions from their beginning, also those that began at the latest. */
  private async beginAt(topic: string, added: readonly Partition[]): Promise<void> {
    const places = added.map(({ index, startOffset }) => ({ topic, partition: index, offset: startOffset }));
    for (const group of this.offsets.groupsIn(topic)) await this.offsets.commit(group, places);
  }

  private async close({ topic, record }: Managed, state: 'stopped' | 'deleted'): Promise<void> {
    await this.hooks.beforeClose(topic);
    const open = topic.detach(state, this.factsOf(record));
    if (open !== undefined) await this.opener.close(open.partitions);
  }

  private async finishDeletion({ topic, record }: Managed): Promise<void> {
    const adapter = this.shapes.adapter(record.adapter);
    const changes: MetaChange[] = [];
    for (let partition = 0; partition < record.partitions; partition++) {
      await adapter.destroy(record.name, partition);
      changes.push({ key: redrivenKey(record.id, partition), value: null });
    }
    changes.push(...this.opener.forget(record), ...this.offsets.removalOf(record.name));
    await this.meta.write(changes);
    // Last, so that a crash before it only means doing the rest again.
    await this.meta.write([{ key: topicKey(record.name), value: null }]);
    this.offsets.forgetTopic(record.name);
    topic.detach('deleted', this.factsOf(record));
    this.topics.delete(record.name);
  }

  private factsOf(record: TopicRecord, schema?: string): TopicFacts {
    const { id, adapter, settings, routing, codec, dedup, partitions, createdAt } = record;
    return {
      id,
      adapter,
      durable: this.shapes.adapter(adapter).supports.durable,
      settings,
      routing,
      codec,
      compression: record.compression ?? 'none',
      lingerMs: record.lingerMs ?? 0,
      ...(schema === undefined ? {} : { schema }),
      ...(dedup === undefined ? {} : { dedup }),
      partitionCount: partitions,
      createdAt,
    };
  }
}

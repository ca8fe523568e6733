import { LimitReachedError, TopicExistsError, TopicNotFoundError } from './errors.js';
import type { TopicsEvents } from './events.js';
import type { GroupOffsets } from './groups/group-offsets.js';
import type { Instruments } from './instrumentation.js';
import { KeyedMutex, forEachLimited } from './keyed-mutex.js';
import type { MetaSnapshot, MetaStore } from './meta/meta-store.js';
import type { TopicRecord } from './meta/topic-record.js';
import type { ResolvedTopicsOptions, TopicDefinition, TopicOptions, TopicsAdapters } from './options.js';
import type { SharedEnvironment } from './partition/partition.types.js';
import type { UnregisteredStore } from './status.types.js';
import { StoreInventory } from './store-inventory.js';
import { Topic } from './topic.js';
import type { DryRunOptions } from './topic.types.js';
import { TopicOpener } from './topic-opener.js';
import { assertUserTopicName, TopicShapes } from './topic-shape.js';
import { type ManagedTopic, type TopicHooks, TopicTransitions } from './topic-transitions.js';

/** How many topics are opened or closed in parallel. */
const PARALLEL_TOPICS = 8;

/** Creates, opens, stops and deletes topics, and maintains their registry. */
export class TopicManager {
  private readonly topics = new Map<string, ManagedTopic>();
  /** Injected topic objects. Each serves its name for good, even before the topic exists. */
  private readonly handles = new Map<string, Topic>();
  private readonly mutex = new KeyedMutex();
  private readonly opener: TopicOpener;
  private readonly inventory: StoreInventory;
  private readonly shapes: TopicShapes;
  private readonly transitions: TopicTransitions;
  /** Topics being created; they already count towards the limit. */
  private creating = 0;

  constructor(
    adapters: TopicsAdapters,
    private readonly options: ResolvedTopicsOptions,
    environment: SharedEnvironment,
    meta: MetaStore,
    offsets: GroupOffsets,
    private readonly events: TopicsEvents,
    private readonly instruments: Instruments,
  ) {
    this.inventory = new StoreInventory(adapters);
    this.shapes = new TopicShapes(adapters, options);
    this.opener = new TopicOpener(options, environment, this.shapes, meta, offsets, events);
    this.transitions = new TopicTransitions(this.topics, this.opener, this.shapes, meta, offsets, events);
  }

  set hooks(hooks: TopicHooks) {
    this.transitions.hooks = hooks;
  }

  /**
   * Opens the registered topics, with changes from the application's definitions, and finishes deletions that a crash
   * interrupted.
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
      if (record.state === 'deleting') await this.resumeDeletion(managed);
      else if (record.state === 'stopped') topic.detach('stopped', this.transitions.factsOf(record));
      else {
        await this.transitions.save(managed, this.shapes.update(record, configured.get(record.name) ?? {}));
        await this.transitions.open(managed, false);
      }
    });
    await this.findUnregistered();
  }

  /** Creates the topics of these definitions that do not exist. A topic that an operator stopped stays stopped. */
  async startAll(definitions: readonly TopicDefinition[]): Promise<void> {
    await forEachLimited(definitions, PARALLEL_TOPICS, async ({ name, ...options }) => {
      if (this.topics.get(name)?.record.state !== 'stopped') await this.start(name, options);
    });
  }

  /** Looks for stores that no registered topic owns. */
  findUnregistered(): Promise<readonly UnregisteredStore[]> {
    return this.inventory.refresh([...this.topics.values()].map(({ record }) => record));
  }

  /** The stores that the last look found. */
  get unregistered(): readonly UnregisteredStore[] {
    return this.inventory.unregistered;
  }

  /** The topic object to inject: always the same one, available before the topic exists. */
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

  /** Number of partitions that can be consumed now. */
  consumable(name: string): number {
    const managed = this.topics.get(name);
    return managed?.record.state === 'running' ? managed.topic.partitions.length : 0;
  }

  /** All topics, sorted by name. */
  list(): Topic[] {
    const topics = [...this.topics.values()].map(({ topic }) => topic);
    return topics.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Creates a topic, or reopens it with changes from the options. */
  start(name: string, options: TopicOptions = {}): Promise<Topic> {
    assertUserTopicName(name);
    return this.mutex.run(name, async () => {
      const managed = this.topics.get(name);
      if (managed?.record.state === 'deleting') await this.transitions.finishDeletion(managed);
      if (managed === undefined || managed.record.state === 'deleting') return this.create(name, options);
      if (managed.topic.state === 'running') {
        this.shapes.assertUnchanged(managed.record, options, managed.given.schema);
        return managed.topic;
      }
      await this.transitions.save(managed, {
        ...this.shapes.update(managed.record, options),
        state: 'running',
      });
      managed.given = {
        routing: options.routing ?? managed.given.routing,
        codec: options.codec ?? managed.given.codec,
        schema: options.schema ?? managed.given.schema,
      };
      await this.transitions.open(managed, true);
      return managed.topic;
    });
  }

  /**
   * Checks whether {@link start} could create a topic, and returns the record it would keep. Throws as it would.
   * @param planned number of other new topics that are checked together with it
   */
  check(name: string, options: TopicOptions, planned: number): TopicRecord {
    assertUserTopicName(name);
    const known = this.topics.get(name);
    if (known !== undefined) throw new TopicExistsError(name, 'it is there already');
    return this.newRecord(name, options, planned);
  }

  /** Adds partitions until there are `total`, unless it is a dry run. */
  addPartitions(name: string, total: number, { dryRun = false }: DryRunOptions = {}): Promise<Topic> {
    return this.mutex.run(name, async () => {
      const managed = this.existing(name);
      const { topic, record } = managed;
      const grown = this.shapes.grow(record, total);
      if (total === record.partitions || dryRun) return topic;
      await this.transitions.addPartitions(managed, grown);
      return topic;
    });
  }

  /** Replaces all storage settings of a topic. A running topic is closed and reopened. */
  alterStorage(
    name: string,
    settings: Readonly<Record<string, unknown>>,
    { dryRun = false }: DryRunOptions = {},
  ): Promise<Topic> {
    return this.mutex.run(name, async () => {
      const managed = this.existing(name);
      const { topic, record } = managed;
      const altered = this.shapes.alterStorage(record, settings);
      if (dryRun || JSON.stringify(altered.settings) === JSON.stringify(record.settings)) return topic;
      await this.transitions.alter(managed, altered);
      return topic;
    });
  }

  stop(name: string): Promise<void> {
    return this.mutex.run(name, async () => {
      const managed = this.existing(name);
      if (managed.record.state === 'stopped') return;
      await this.transitions.save(managed, { ...managed.record, state: 'stopped' });
      await this.transitions.close(managed, 'stopped');
      this.events.send('topic-stopped', { topic: name, id: managed.record.id });
    });
  }

  delete(name: string): Promise<void> {
    return this.mutex.run(name, async () => {
      const managed = this.managed(name);
      await this.transitions.save(managed, { ...managed.record, state: 'deleting' });
      await this.transitions.close(managed, 'deleted');
      await this.transitions.finishDeletion(managed);
      this.events.send('topic-deleted', { topic: name, id: managed.record.id });
    });
  }

  async closeAll(): Promise<void> {
    await forEachLimited([...this.topics.values()], PARALLEL_TOPICS, async ({ topic }) => {
      const open = topic.detach('stopped');
      if (open !== undefined) await this.opener.close(open.partitions);
    });
  }

  /** If the deletion cannot be finished (a full device), everything else still starts. */
  private async resumeDeletion(managed: ManagedTopic): Promise<void> {
    const { record, topic } = managed;
    try {
      await this.transitions.finishDeletion(managed);
    } catch (error) {
      topic.detach('deleted', this.transitions.factsOf(record));
      this.events.send('deletion-unfinished', { topic: record.name, id: record.id, error });
    }
  }

  /** A partly deleted topic counts as missing: its deletion can only be finished. */
  private existing(name: string): ManagedTopic {
    const managed = this.managed(name);
    if (managed.record.state === 'deleting') throw new TopicNotFoundError(name);
    return managed;
  }

  private managed(name: string): ManagedTopic {
    const managed = this.topics.get(name);
    if (managed === undefined) throw new TopicNotFoundError(name);
    return managed;
  }

  private newTopic(name: string): Topic {
    return this.handles.get(name) ?? new Topic(name, this.instruments);
  }

  private newRecord(name: string, options: TopicOptions, planned = 0): TopicRecord {
    const { maxTopics } = this.options;
    if (this.topics.size + this.creating + planned >= maxTopics) {
      const what = `topic "${name}" would be one too many`;
      throw new LimitReachedError(what, maxTopics, 'delete topics that are not needed', 'maxTopics');
    }
    const record = this.shapes.create(name, options);
    this.inventory.assertFits(record);
    return record;
  }

  private async create(name: string, options: TopicOptions): Promise<Topic> {
    const record = this.newRecord(name, options);
    const managed: ManagedTopic = { topic: this.newTopic(name), record, given: options };
    this.creating++;
    try {
      await this.transitions.create(managed);
    } finally {
      this.creating--;
    }
    this.inventory.adopt(record);
    this.events.send('topic-created', { topic: name, id: record.id });
    return managed.topic;
  }
}

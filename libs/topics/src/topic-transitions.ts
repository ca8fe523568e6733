import { codecNamed, codecOf } from './codecs.js';
import type { TopicsEvents } from './events.js';
import { FirstOffsets, type Subscribers } from './groups/first-offsets.js';
import type { GroupOffsets } from './groups/group-offsets.js';
import { type MetaChange, type MetaStore, redrivenKey, topicKey } from './meta/meta-store.js';
import type { TopicRecord } from './meta/topic-record.js';
import type { TopicOptions } from './options.js';
import { valueSchema } from './schema/checked-codec.js';
import type { Topic, TopicFacts } from './topic.js';
import type { TopicOpener } from './topic-opener.js';
import { storedRouting, type TopicShapes } from './topic-shape.js';

/** Called when topics open and close, so that consumers can take and release partitions. */
export interface TopicHooks {
  afterOpen(topic: Topic): void;
  /** The partitions close after this resolves. */
  beforeClose(topic: Topic): Promise<void>;
  /** The groups whose members subscribe to a topic, whether they know of it yet or not. */
  subscribersOf: Subscribers;
}

/** A topic with its record. */
export interface ManagedTopic {
  readonly topic: Topic;
  record: TopicRecord;
  /** Functions, codecs and schemas as last given; the registry cannot keep them. */
  given: Pick<TopicOptions, 'routing' | 'codec' | 'schema'>;
}

/**
 * The transitions of a topic between its states: what each writes to the registry, opens and closes. The caller must run
 * one transition of a topic at a time.
 */
export class TopicTransitions {
  hooks: TopicHooks = { afterOpen: () => {}, beforeClose: async () => {}, subscribersOf: () => [] };

  private readonly firstOffsets: FirstOffsets;

  /** @param topics the topics by name; a topic is added before anyone is told of it, and removed when deleted */
  constructor(
    private readonly topics: Map<string, ManagedTopic>,
    private readonly opener: TopicOpener,
    private readonly shapes: TopicShapes,
    private readonly meta: MetaStore,
    private readonly offsets: GroupOffsets,
    private readonly events: TopicsEvents,
  ) {
    this.firstOffsets = new FirstOffsets(offsets, (topic) => this.hooks.subscribersOf(topic));
  }

  async save(managed: ManagedTopic, record: TopicRecord): Promise<void> {
    if (JSON.stringify(record) === JSON.stringify(managed.record)) return;
    // Durably: the next step may remove data, or store it with other settings.
    await this.meta.writeDurably([{ key: topicKey(record.name), value: record }]);
    managed.record = record;
  }

  /** Registers a new topic and opens it. If it cannot be opened, the registration is removed. */
  async create(managed: ManagedTopic): Promise<void> {
    const { record } = managed;
    try {
      // Offsets of an earlier topic with this name must not apply to the new one.
      const stale = this.offsets.removalOf(record.name);
      await this.meta.writeDurably([...stale, { key: topicKey(record.name), value: record }]);
      this.offsets.forgetTopic(record.name);
      this.opener.expectAnything(record);
      await this.open(managed, true);
    } catch (error) {
      await this.meta.write([{ key: topicKey(record.name), value: null }]);
      throw error;
    }
  }

  async open(managed: ManagedTopic, strict: boolean): Promise<void> {
    const { topic, record, given } = managed;
    const parts = {
      routing: given.routing ?? storedRouting(record),
      codec: given.codec === undefined ? codecNamed(record.codec) : codecOf(given.codec),
      schema: given.schema === undefined ? undefined : valueSchema(record.name, given.schema),
    };
    const open = await this.opener.open(record, parts, strict);
    try {
      await this.firstOffsets.ofOpened(record.name, open.partitions);
    } catch (error) {
      await this.opener.close(open.partitions);
      throw error;
    }
    topic.attach(this.factsOf(record, parts.schema?.name), open);
    this.topics.set(record.name, managed);
    this.events.send('topic-started', { topic: record.name, id: record.id });
    this.hooks.afterOpen(topic);
  }

  async finishDeletion({ topic, record }: ManagedTopic): Promise<void> {
    const adapter = this.shapes.adapter(record.adapter);
    const changes: MetaChange[] = [];
    for (let partition = 0; partition < record.partitions; partition++) {
      await adapter.destroy(record.name, partition);
      changes.push({ key: redrivenKey(record.id, partition), value: null });
    }
    changes.push(...this.opener.forget(record));
    await this.meta.write(changes);
    // Offsets whose commit was in progress when the topic closed are known by now. The topic's record goes last, so that
    // after a crash the deletion starts over.
    await this.meta.write([
      ...this.offsets.removalOf(record.name),
      { key: topicKey(record.name), value: null },
    ]);
    this.offsets.forgetTopic(record.name);
    topic.detach('deleted', this.factsOf(record));
    this.topics.delete(record.name);
  }

  async close({ topic, record }: ManagedTopic, state: 'stopped' | 'deleted'): Promise<void> {
    await this.hooks.beforeClose(topic);
    const open = topic.detach(state, this.factsOf(record));
    if (open !== undefined) await this.opener.close(open.partitions);
  }

  /** The facts of a topic, available even while it is not open. */
  factsOf(record: TopicRecord, schema?: string): TopicFacts {
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

  /** Opens the added partitions of `grown` and tells groups and consumers. */
  async addPartitions(managed: ManagedTopic, grown: TopicRecord): Promise<void> {
    const { topic, record } = managed;
    const open = topic.opened;
    if (open === undefined) {
      const added = grown.partitions - record.partitions;
      await this.firstOffsets.ofAdded(
        record.name,
        Array.from({ length: added }, (_, i) => ({ index: record.partitions + i, startOffset: 0 })),
      );
      await this.opener.noteLogs(grown, record.partitions);
      await this.save(managed, grown);
      topic.detach(topic.state, this.factsOf(grown));
      return;
    }
    const added = await this.opener.openAdded(grown, open);
    try {
      const begun = await this.firstOffsets.ofAdded(record.name, added);
      await this.save(managed, grown);
      // Groups that joined during that write.
      await this.firstOffsets.ofAdded(record.name, added, begun);
    } catch (error) {
      await this.opener.close(added);
      await this.save(managed, record);
      throw error;
    }
    topic.grow(this.factsOf(grown, topic.describe().schema), added);
    this.hooks.afterOpen(topic);
    this.events.send('partitions-added', { topic: grown.name, partitions: grown.partitions });
  }

  /** Reopens a topic with other settings, or with its old ones if that fails. */
  async alter(managed: ManagedTopic, altered: TopicRecord): Promise<void> {
    const { topic, record } = managed;
    await this.save(managed, altered);
    if (topic.state !== 'running') {
      topic.detach(topic.state, this.factsOf(altered));
      return;
    }
    try {
      await this.reopen(managed, altered);
    } catch (error) {
      await this.save(managed, record);
      await this.reopen(managed, record);
      throw error;
    }
  }

  private async reopen(managed: ManagedTopic, record: TopicRecord): Promise<void> {
    // Consumers only let go of a topic that does not run.
    managed.record = { ...record, state: 'stopped' };
    await this.close(managed, 'stopped');
    managed.record = record;
    await this.open(managed, true);
  }
}

import type { Logger } from '@nestjs/common';
import { codecFor } from './codecs.js';
import { DeadLetterWriter } from './dead-letters/dead-letter-writer.js';
import { DeadLetters } from './dead-letters/dead-letters.js';
import { messageOf } from './errors.js';
import { logEvents } from './event-log.js';
import { TopicsEvents } from './events.js';
import type { TopicPartition } from './groups/assignment.js';
import type { ConsumerGroup, GroupEnvironment } from './groups/consumer-group.js';
import { GroupCoordinator } from './groups/coordinator/group-coordinator.js';
import { GroupOffsets } from './groups/group-offsets.js';
import { LocalMembers } from './groups/local-members.js';
import { GroupRegistry } from './groups/group-registry.js';
import { SuspectCalls } from './groups/suspect-calls.js';
import { Instruments } from './instrumentation.js';
import { MetaStore } from './meta/meta-store.js';
import type { ResolvedTopicsOptions, TopicDefinition, TopicsAdapters } from './options.js';
import type { Partition } from './partition/partition.js';
import { PublishBudget } from './partition/publish-budget.js';
import { TailCache } from './partition/tail-cache.js';
import { BATCH_HEADER_BYTES } from './records/batch-header.js';
import { ScratchPool } from './records/scratch-pool.js';
import { RetentionGuard } from './retention-guard.js';
import { StorageRooms } from './storage-room.js';
import type { Topic } from './topic.js';
import { TopicManager } from './topic-manager.js';
import { Turn } from './turn.js';

/** The parts of a service, wired together; the service adds the life cycle. */
export class TopicsCore {
  readonly events = new TopicsEvents();
  readonly instruments = new Instruments();
  readonly cache: TailCache;
  readonly budget: PublishBudget;
  readonly manager: TopicManager;
  private readonly rooms: StorageRooms;
  readonly groups: GroupRegistry;
  readonly deadLetters: DeadLetters;
  private readonly meta = new MetaStore();
  private readonly turn = new Turn();
  private readonly suspects: SuspectCalls;
  private probing: Promise<void> | undefined;
  private readonly offsets: GroupOffsets;
  readonly coordinator: GroupCoordinator;
  private readonly members: LocalMembers;
  private readonly retention: RetentionGuard;
  private readonly deadLetterWriter: DeadLetterWriter;

  constructor(
    private readonly adapters: TopicsAdapters,
    private readonly options: ResolvedTopicsOptions,
    private readonly logger: Logger,
  ) {
    const { meta, events, turn } = this;
    const { maxMessageBytes, maxBatchBytes } = options;
    const cache = (this.cache = new TailCache(options.tailCacheBytes));
    const budget = (this.budget = new PublishBudget(options.maxPendingBytes));
    const scratch = new ScratchPool(maxBatchBytes + BATCH_HEADER_BYTES);
    const { clock } = options;
    const rooms = (this.rooms = new StorageRooms(clock, events));
    const environment = { cache, budget, turn, scratch, maxMessageBytes, maxBatchBytes, clock, rooms };
    this.suspects = new SuspectCalls(clock);
    this.offsets = new GroupOffsets(meta, options.maxGroups);
    this.manager = new TopicManager(
      adapters,
      options,
      environment,
      meta,
      this.offsets,
      events,
      this.instruments,
    );
    this.coordinator = new GroupCoordinator(options, (group, generation) =>
      events.send('rebalance', { group, generation }),
    );
    this.members = new LocalMembers(this.coordinator);
    this.groups = new GroupRegistry(this.manager, this.coordinator, this.offsets);
    this.retention = new RetentionGuard(this.manager, this.offsets, (error) => this.warn('retention', error));
    this.deadLetterWriter = new DeadLetterWriter((name, of) => this.deadLetterTopic(name, of), options.clock);
    this.deadLetters = new DeadLetters((name) => this.manager.get(name), meta);
    this.connect();
  }

  /** Opens the service's own store and all registered topics. */
  async open(definitions: readonly TopicDefinition[]): Promise<void> {
    const snapshot = await this.meta.open(this.adapters.default, this.rooms.of(this.adapters.default.name));
    this.offsets.load(snapshot);
    this.deadLetters.load(snapshot);
    await this.manager.load(snapshot, definitions);
  }

  /**
   * Writes to the service's own store as an offset commit does, overwriting the last probe.
   * @throws the store's error
   */
  async probe(): Promise<void> {
    await (this.probing ??= this.meta.write([{ key: ['probe'], value: Date.now() }]).finally(() => {
      this.probing = undefined;
    }));
  }

  async close(): Promise<void> {
    this.coordinator.close();
    await this.manager.closeAll();
    await this.meta.close();
    this.cache.releaseSpare();
  }

  /** The environment of group members. */
  groupEnvironment(onStopped: (group: ConsumerGroup) => void): GroupEnvironment {
    const { coordinator, members, offsets, events, turn, suspects, deadLetterWriter: deadLetters } = this;
    const { drainTimeoutMs, clock } = this.options;
    return {
      coordinator,
      members,
      offsets,
      events,
      turn,
      suspects,
      clock,
      deadLetters,
      drainTimeoutMs,
      onStopped,
      partition: (at) => this.partition(at),
      partitionsOf: (topic) => this.manager.consumable(topic),
      topicNames: () => this.manager.list().map(({ name }) => name),
    };
  }

  /** An existing topic is used as it is: an operator may have stopped it or chosen its options. */
  private async deadLetterTopic(name: string, source: string): Promise<Topic> {
    if (this.manager.has(name)) return this.manager.get(name);
    const { adapter, codec } = this.manager.get(source).describe();
    return this.manager.start(name, { partitions: 1, storage: { adapter }, codec: codecFor(codec) });
  }

  private partition({ topic, partition }: TopicPartition): Partition | undefined {
    const isOpen = partition < this.manager.consumable(topic);
    return isOpen ? this.manager.get(topic).partitions[partition] : undefined;
  }

  private connect(): void {
    logEvents(this.events, this.logger);
    this.offsets.onChange = (topic, partition) => this.retention.changed(topic, partition);
    this.manager.hooks = {
      afterOpen: (topic) => {
        this.retention.opened(topic);
        for (const group of this.groups.subscribersOf(topic.name)) this.coordinator.outdate(group);
        this.members.topicChanged(topic.name);
      },
      beforeClose: (topic) => this.members.topicClosing(topic.name),
      subscribersOf: (topic) =>
        new Set([...this.members.groupsOn(topic), ...this.groups.subscribersOf(topic)]),
    };
  }

  private warn(what: string, error: unknown): void {
    this.logger.warn(`${what}: ${messageOf(error)}`);
  }
}

import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { StorageAdapter } from '@genrocks/storage';
import type { Clock } from './clock.js';
import type { DeadLetters } from './dead-letters/dead-letters.js';
import { logStart } from './event-log.js';
import type { TopicsEvents } from './events.js';
import type { GroupCoordinator } from './groups/coordinator/group-coordinator.js';
import type { ConsumerGroup } from './groups/consumer-group.js';
import { GroupMembers } from './groups/group-members.js';
import { resolveGroupOptions } from './groups/group-options.js';
import type { GroupRegistry } from './groups/group-registry.js';
import type { ConsumerGroupOptions } from './groups/group.types.js';
import type { Instrumentation } from './instrumentation.js';
import type { PublishMessage, PublishResult } from './message.js';
import { MODULE_OPTIONS_TOKEN } from './module/topics.module-definition.js';
import {
  resolveOptions,
  type ResolvedTopicsOptions,
  type TopicDefinition,
  type TopicOptions,
  type TopicsAdapters,
  type TopicsOptions,
} from './options.js';
import { ServiceLifecycle } from './service-lifecycle.js';
import { ServicePhase } from './service-phase.js';
import type { SystemStatus } from './status.types.js';
import { systemStatus } from './system-status.js';
import type { Topic } from './topic.js';
import { isNameOnly } from './topic-features.js';
import type { TopicManager } from './topic-manager.js';
import { TopicResolver } from './topic-resolver.js';
import type { DryRunOptions, TopicDescription } from './topic.types.js';
import { TopicsCore } from './topics-core.js';
import { TOPICS_ADAPTERS } from './topics.tokens.js';

/**
 * Topics and consumer groups over storage adapters: everything starts here.
 *
 * @publicApi
 */
@Injectable()
export class TopicsService
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown
{
  /** What happens by itself: see {@link TopicsEvents}. */
  readonly events: TopicsEvents;
  /** All consumer groups: to describe, to commit for, to reset. */
  readonly groups: GroupRegistry;
  /** For listeners that let other kinds of clients be members of groups. */
  readonly coordinator: GroupCoordinator;
  /** What groups have given up: to list, and to put back. */
  readonly deadLetters: DeadLetters;
  private readonly logger = new Logger('Topics');
  private readonly options: ResolvedTopicsOptions;
  private readonly core: TopicsCore;
  private readonly manager: TopicManager;
  private readonly members: GroupMembers;
  private readonly resolver: TopicResolver;
  private readonly phase = new ServicePhase();
  private readonly lifecycle: ServiceLifecycle;

  constructor(
    @Inject(TOPICS_ADAPTERS) private readonly plugged: TopicsAdapters,
    @Inject(MODULE_OPTIONS_TOKEN) options: TopicsOptions,
  ) {
    this.options = resolveOptions(options);
    this.core = new TopicsCore(plugged, this.options, this.logger);
    this.events = this.core.events;
    this.groups = this.core.groups;
    this.coordinator = this.core.coordinator;
    this.deadLetters = this.core.deadLetters;
    this.manager = this.core.manager;
    this.resolver = new TopicResolver(this.manager, this.options.autoCreateTopics, () =>
      this.phase.assertOpen(),
    );
    this.members = new GroupMembers(
      (onStopped) => this.core.groupEnvironment(onStopped),
      (name) => this.resolveTopic(name),
    );
    this.lifecycle = new ServiceLifecycle(this.phase, this.core, this.members, this.options.topics, {
      resolve: (name) => this.resolveTopic(name),
      opened: () => logStart(this.logger, this.plugged, this.manager),
    });
    plugged.beforeClose?.(() => this.onApplicationShutdown());
  }

  /** Opens storage and every topic of the registry, and creates those of the options that are missing. */
  onModuleInit(): Promise<void> {
    return this.lifecycle.open();
  }

  /** Consumer groups begin now: every provider of the application is ready. */
  onApplicationBootstrap(): Promise<void> {
    return this.lifecycle.bootstrap();
  }

  /** Drains and commits every consumer group. Publishing goes on, for requests that are still being answered. */
  onModuleDestroy(): Promise<void> {
    return this.lifecycle.drain();
  }

  /** Closes topics and the service's own store; the adapters close after it. */
  onApplicationShutdown(): Promise<void> {
    return this.lifecycle.shutDown();
  }

  /**
   * Creates a topic, or opens it again after {@link stopTopic}. A topic that runs is answered as it is.
   * @throws `INVALID_TOPIC_NAME`, `RESERVED_TOPIC_NAME`, `TOPIC_EXISTS` if it exists in another shape,
   *   `ADAPTER_NOT_FOUND`, `INVALID_CONFIG`, `LIMIT_REACHED`, or what the store says
   */
  async startTopic<T = unknown>(name: string, options: TopicOptions<T> = {}): Promise<Topic<T>> {
    this.phase.assertOpen();
    return (await this.manager.start(name, options)) as Topic<T>;
  }

  /**
   * Says what {@link startTopic} would fail with for a topic that is not there yet, and how many partitions it would have.
   * Nothing is created; storage is not asked.
   * @param planned other new topics that are to be created with it, which count towards the limit
   * @throws as {@link startTopic}, and `TOPIC_EXISTS` for any that is there
   */
  checkTopic(name: string, options: TopicOptions = {}, planned = 0): { partitionCount: number } {
    this.phase.assertOpen();
    return { partitionCount: this.manager.check(name, options, planned).partitions };
  }

  /**
   * As {@link startTopic} on the adapter `disk_log`, with settings of its own (`logType`, `maxNoFiles`, ...).
   * @throws as {@link startTopic}; `ADAPTER_NOT_FOUND` where no disk log is plugged in
   */
  async startTopicWithDiskLog<T = unknown>(
    name: string,
    partitions: number,
    settings: Readonly<Record<string, unknown>> = {},
  ): Promise<Topic<T>> {
    return this.startTopic<T>(name, { partitions, storage: { ...settings, adapter: 'disk_log' } });
  }

  /**
   * Closes a topic. Its data stay, and it stays stopped over restarts until {@link startTopic}.
   * @throws `TOPIC_NOT_FOUND`
   */
  async stopTopic(name: string): Promise<void> {
    this.phase.assertOpen();
    await this.manager.stop(name);
  }

  /**
   * Adds partitions to a topic, until there are `total`. Groups that read the topic read the new ones from their beginning,
   * whatever their `from` or `auto.offset.reset` says: an offset of each is committed before anyone can publish there. Keys may go to
   * other partitions from then on: with `key_hash` most of them, with `consistent_hash` only the share of the new ones.
   * What was published before stays where it is. Definitions of the topic have to name the new number.
   * @throws `TOPIC_NOT_FOUND`, `INVALID_CONFIG`, `LIMIT_REACHED`, or what the store says
   */
  async addPartitions(name: string, total: number, options?: DryRunOptions): Promise<Topic> {
    this.phase.assertOpen();
    return this.manager.addPartitions(name, total, options);
  }

  /**
   * Gives a topic other storage settings (`maxNoFiles`, `maxNoBytes`, ...), in place of all it had; those left out are
   * the adapter's own again. A topic that runs is closed and opened again for it: for that moment publishing and
   * reading fail with `TOPIC_STOPPED`, and groups go on afterwards. Definitions of the topic have to name the new ones.
   * @throws `TOPIC_NOT_FOUND`, `INVALID_CONFIG`, `ADAPTER_NOT_FOUND`, or what the store says
   */
  async alterStorage(
    name: string,
    settings: Readonly<Record<string, unknown>>,
    options?: DryRunOptions,
  ): Promise<Topic> {
    this.phase.assertOpen();
    return this.manager.alterStorage(name, settings, options);
  }

  /**
   * Removes a topic with its data and the groups' offsets in it.
   * @throws `TOPIC_NOT_FOUND`, or what the store says
   */
  async deleteTopic(name: string): Promise<void> {
    this.phase.assertOpen();
    await this.manager.delete(name);
  }

  /** @throws `TOPIC_NOT_FOUND` */
  topic<T = unknown>(name: string): Topic<T> {
    return this.manager.get(name) as Topic<T>;
  }

  /**
   * The topic, created with defaults where it does not exist and `autoCreateTopics` allows it.
   * @throws `TOPIC_NOT_FOUND`, and as {@link startTopic}
   */
  async resolveTopic<T = unknown>(name: string): Promise<Topic<T>> {
    return (await this.resolver.resolve(name)) as Topic<T>;
  }

  /** Is there a topic of this name, be it stopped? */
  hasTopic(name: string): boolean {
    return this.manager.has(name);
  }

  /** All topics, stopped ones too, by name. */
  listTopics(): TopicDescription[] {
    return this.manager.list().map((topic) => topic.describe());
  }

  /** {@link Topic.publish} by name. Creates the topic where that is allowed. */
  publish(topic: string, message: PublishMessage): Promise<PublishResult> {
    const ready = this.resolver.ready(topic);
    if (ready !== undefined) return ready.publish(message);
    return this.resolver.whenReady(topic).then((created) => created.publish(message));
  }

  /** {@link Topic.publishBatch} by name. Creates the topic where that is allowed. */
  publishBatch(topic: string, messages: readonly PublishMessage[]): Promise<PublishResult[]> {
    const ready = this.resolver.ready(topic);
    if (ready !== undefined) return ready.publishBatch(messages);
    return this.resolver.whenReady(topic).then((created) => created.publishBatch(messages));
  }

  /**
   * Starts a member of a consumer group. Before the application's bootstrap it is only taken down (`held`), and
   * begins then. Topics that do not exist are created where that is allowed.
   * @throws `INVALID_GROUP`, `TOPIC_NOT_FOUND`, `SERVICE_STOPPED`
   */
  async startConsumerGroup<T = unknown>(options: ConsumerGroupOptions<T>): Promise<ConsumerGroup> {
    this.phase.assertTakesGroups();
    return this.members.add(
      this.core.instruments.watch(resolveGroupOptions(options, this.options.handlerTimeoutMs)),
    );
  }

  /**
   * Has publishing and handlers looked at from now on, for metrics or tracing of your own.
   */
  instrument(instrumentation: Instrumentation): void {
    this.core.instruments.add(instrumentation);
  }

  /**
   * Resolves once the default adapter has stored something, as durably as an offset of a group. What it writes takes
   * the place of what it wrote before.
   * @throws `SERVICE_STOPPED`, or what the store says
   */
  async probe(): Promise<void> {
    this.phase.assertOpen();
    await this.core.probe();
  }

  /** The storage adapters that are plugged in, the default one first. */
  get adapters(): readonly StorageAdapter[] {
    return this.plugged.all;
  }

  /** Time as consumers see it. @internal */
  get clock(): Clock {
    return this.options.clock;
  }

  /** The members of consumer groups that run, or are to run, in this process. */
  get consumerGroups(): readonly ConsumerGroup[] {
    return this.members.all;
  }

  /** Topics, partitions, groups, adapters, memory, and stores found without a topic that owns them. */
  async systemStatus(): Promise<SystemStatus> {
    this.phase.assertOpen();
    return systemStatus({
      startedAt: this.lifecycle.startedAt,
      adapters: this.plugged,
      topics: this.manager.list(),
      groups: this.groups.list(),
      unregistered: await this.manager.findUnregistered(),
      cache: this.core.cache,
      budget: this.core.budget,
    });
  }

  /**
   * A topic to inject before storage is open; the topic itself is there from onModuleInit on. For a module that is
   * loaded after that it is started at once. @internal
   */
  feature(definition: TopicDefinition): Topic | Promise<Topic> {
    const { name, ...options } = definition;
    if (!this.phase.is('created')) {
      return isNameOnly(definition) ? this.resolveTopic(name) : this.startTopic(name, options);
    }
    this.lifecycle.features.add(definition);
    return this.manager.handle(name);
  }
}

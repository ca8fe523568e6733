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
  /** Emits what happens in the service; see {@link TopicsEvents}. */
  readonly events: TopicsEvents;
  /** Lists, describes, commits for, resets and deletes consumer groups. */
  readonly groups: GroupRegistry;
  /** The group protocol, for listeners whose clients join groups. */
  readonly coordinator: GroupCoordinator;
  /** Lists and redrives the messages that groups have given up. */
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

  /** Opens storage and all registered topics, and creates topics of the options that do not exist. */
  onModuleInit(): Promise<void> {
    return this.lifecycle.open();
  }

  /** Begins consumer groups: all providers of the application are ready now. */
  onApplicationBootstrap(): Promise<void> {
    return this.lifecycle.bootstrap();
  }

  /** Drains and commits all consumer groups. Publishing still works, for requests in progress. */
  onModuleDestroy(): Promise<void> {
    return this.lifecycle.drain();
  }

  /** Closes topics and the service's own store. The adapters close afterwards. */
  onApplicationShutdown(): Promise<void> {
    return this.lifecycle.shutDown();
  }

  /**
   * Creates a topic, or opens it again after {@link stopTopic}. A running topic is returned unchanged.
   * @throws `INVALID_TOPIC_NAME`, `RESERVED_TOPIC_NAME`, `TOPIC_EXISTS` if it exists with other options,
   *   `ADAPTER_NOT_FOUND`, `INVALID_CONFIG`, `LIMIT_REACHED`, `UNSUPPORTED_COMPRESSION`, or the store's error
   */
  async startTopic<T = unknown>(name: string, options: TopicOptions<T> = {}): Promise<Topic<T>> {
    this.phase.assertOpen();
    return (await this.manager.start(name, options)) as Topic<T>;
  }

  /**
   * Checks whether {@link startTopic} could create a topic, and returns its number of partitions. Creates nothing and does
   * not access storage.
   * @param planned how many other new topics will be created with it; they count towards the limit
   * @throws as {@link startTopic}, and `TOPIC_EXISTS` for any existing topic
   */
  checkTopic(name: string, options: TopicOptions = {}, planned = 0): { partitionCount: number } {
    this.phase.assertOpen();
    return { partitionCount: this.manager.check(name, options, planned).partitions };
  }

  /**
   * {@link startTopic} on the adapter `disk_log`, with settings of its own (`logType`, `maxNoFiles`, ...).
   * @throws as {@link startTopic}; `ADAPTER_NOT_FOUND` if no disk log is plugged in
   */
  async startTopicWithDiskLog<T = unknown>(
    name: string,
    partitions: number,
    settings: Readonly<Record<string, unknown>> = {},
  ): Promise<Topic<T>> {
    return this.startTopic<T>(name, { partitions, storage: { ...settings, adapter: 'disk_log' } });
  }

  /**
   * Closes a topic and keeps its data. It stays stopped across restarts until {@link startTopic}.
   * @throws `TOPIC_NOT_FOUND`
   */
  async stopTopic(name: string): Promise<void> {
    this.phase.assertOpen();
    await this.manager.stop(name);
  }

  /**
   * Adds partitions to a topic until it has `total`. Groups that read the topic read the new partitions from their
   * beginning, whatever `from` or `auto.offset.reset` says: their offsets are committed before anyone can publish there.
   * From then on, keys may go to other partitions: with `key_hash` most of them, with `consistent_hash` only the new
   * partitions' share. Messages published before stay where they are. Definitions of the topic must name the new number.
   * @throws `TOPIC_NOT_FOUND`, `INVALID_CONFIG`, `LIMIT_REACHED`, or the store's error
   */
  async addPartitions(name: string, total: number, options?: DryRunOptions): Promise<Topic> {
    this.phase.assertOpen();
    return this.manager.addPartitions(name, total, options);
  }

  /**
   * Replaces all storage settings of a topic (`maxNoFiles`, `maxNoBytes`, ...); those left out revert to the adapter's own.
   * A running topic is closed and reopened: meanwhile publishing and reading fail with `TOPIC_STOPPED`, and groups continue
   * afterwards. Definitions of the topic must name the new settings.
   * @throws `TOPIC_NOT_FOUND`, `INVALID_CONFIG`, `ADAPTER_NOT_FOUND`, or the store's error
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
   * Deletes a topic, its data and the groups' offsets in it.
   * @throws `TOPIC_NOT_FOUND`, or the store's error
   */
  async deleteTopic(name: string): Promise<void> {
    this.phase.assertOpen();
    await this.manager.delete(name);
  }

  /**
   * The topic of this name, running or stopped.
   * @throws `TOPIC_NOT_FOUND`
   */
  topic<T = unknown>(name: string): Topic<T> {
    return this.manager.get(name) as Topic<T>;
  }

  /**
   * The topic of this name, created with defaults if it does not exist and `autoCreateTopics` allows it.
   * @throws `TOPIC_NOT_FOUND`, and as {@link startTopic}
   */
  async resolveTopic<T = unknown>(name: string): Promise<Topic<T>> {
    return (await this.resolver.resolve(name)) as Topic<T>;
  }

  /** Whether a topic of this name exists, running or stopped. */
  hasTopic(name: string): boolean {
    return this.manager.has(name);
  }

  /** All topics, including stopped ones, sorted by name. */
  listTopics(): TopicDescription[] {
    return this.manager.list().map((topic) => topic.describe());
  }

  /** {@link Topic.publish} by name. Creates the topic if `autoCreateTopics` allows it. */
  publish(topic: string, message: PublishMessage): Promise<PublishResult> {
    const ready = this.resolver.ready(topic);
    if (ready !== undefined) return ready.publish(message);
    return this.resolver.whenReady(topic).then((created) => created.publish(message));
  }

  /** {@link Topic.publishBatch} by name. Creates the topic if `autoCreateTopics` allows it. */
  publishBatch(topic: string, messages: readonly PublishMessage[]): Promise<PublishResult[]> {
    const ready = this.resolver.ready(topic);
    if (ready !== undefined) return ready.publishBatch(messages);
    return this.resolver.whenReady(topic).then((created) => created.publishBatch(messages));
  }

  /**
   * Starts a member of a consumer group. Before the application's bootstrap the member is only registered (`held`) and
   * begins with the bootstrap. Topics that do not exist are created if `autoCreateTopics` allows it.
   * @throws `INVALID_GROUP`, `TOPIC_NOT_FOUND`, `SERVICE_STOPPED`
   */
  async startConsumerGroup<T = unknown>(options: ConsumerGroupOptions<T>): Promise<ConsumerGroup> {
    this.phase.assertTakesGroups();
    return this.members.add(
      this.core.instruments.watch(resolveGroupOptions(options, this.options.handlerTimeoutMs)),
    );
  }

  /** Wraps all publishing and handling from now on, for your own metrics or tracing. */
  instrument(instrumentation: Instrumentation): void {
    this.core.instruments.add(instrumentation);
  }

  /**
   * Checks storage: resolves when the default adapter has stored a value as durably as a group's offset. Each probe
   * overwrites the value of the last one.
   * @throws `SERVICE_STOPPED`, or the store's error
   */
  async probe(): Promise<void> {
    this.phase.assertOpen();
    await this.core.probe();
  }

  /** The storage adapters that are plugged in, the default one first. */
  get adapters(): readonly StorageAdapter[] {
    return this.plugged.all;
  }

  /** The time source of consumers. @internal */
  get clock(): Clock {
    return this.options.clock;
  }

  /** The members of consumer groups in this process, held ones included. */
  get consumerGroups(): readonly ConsumerGroup[] {
    return this.members.all;
  }

  /** The state of topics, partitions, groups, adapters and memory, and the stores that no topic owns. */
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
   * A topic to inject before storage is open; it runs from `onModuleInit` on. For a module loaded later, the topic is
   * started at once. @internal
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

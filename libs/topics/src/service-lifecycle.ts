import { ServiceStoppedError } from './errors.js';
import type { GroupMembers } from './groups/group-members.js';
import { mergeDefinitions, type TopicDefinition } from './options.js';
import type { ServicePhase } from './service-phase.js';
import { TopicFeatures } from './topic-features.js';
import type { TopicsCore } from './topics-core.js';

/** Callbacks of the service. */
export interface LifecycleHooks {
  /** Finds a topic requested by name alone, or creates it if that is allowed. */
  resolve(topic: string): Promise<unknown>;
  /** Called when all topics are open. */
  opened(): void;
}

/** The service's start and shutdown: storage and topics open before groups begin, and close after groups have ended. */
export class ServiceLifecycle {
  /** Topics requested by modules before the start. */
  readonly features = new TopicFeatures();
  /** When it began to open, as `performance.now()`. */
  startedAt = 0;
  private opening: Promise<void> | undefined;

  /** @param configured the topics in the service's options */
  constructor(
    private readonly phase: ServicePhase,
    private readonly core: TopicsCore,
    private readonly members: GroupMembers,
    private readonly configured: readonly TopicDefinition[],
    private readonly hooks: LifecycleHooks,
  ) {}

  /** Opens storage and all registered topics, and creates those that do not exist. */
  async open(): Promise<void> {
    if (!this.phase.is('created')) return;
    this.startedAt = performance.now();
    this.opening = this.openAll();
    try {
      await this.opening;
    } catch (error) {
      await this.close();
      throw error;
    }
    this.hooks.opened();
  }

  /** Begins consumer groups. */
  async bootstrap(): Promise<void> {
    if (!this.phase.is('open')) return;
    this.phase.goTo('bootstrapped');
    await this.members.begin();
  }

  /** Drains and commits all consumer groups. */
  async drain(): Promise<void> {
    if (this.phase.is('closed')) return;
    this.phase.goTo('draining');
    await this.members.stop();
  }

  /** Closes everything that is open. */
  async shutDown(): Promise<void> {
    await this.drain();
    await this.close();
  }

  private async openAll(): Promise<void> {
    const { core, features, hooks } = this;
    const { manager } = core;
    const definitions = mergeDefinitions([...features.all, ...this.configured]);
    await core.open(definitions);
    if (!this.phase.is('created')) {
      throw new ServiceStoppedError('the topics service was shut down while it started');
    }
    this.phase.goTo('open');
    await manager.startAll(definitions.filter(({ name }) => this.isConfigured(name)));
    await manager.startAll(features.defined);
    for (const name of features.named) await hooks.resolve(name);
  }

  private isConfigured(topic: string): boolean {
    return this.configured.some(({ name }) => name === topic);
  }

  private async close(): Promise<void> {
    if (this.phase.is('closed')) return;
    this.phase.goTo('closed');
    // A topic opened after this would stay open.
    await this.opening?.catch(() => {});
    await this.core.close();
  }
}

import { ConsumerGroup, type GroupEnvironment } from './consumer-group.js';
import type { ResolvedGroupOptions } from './group-options.js';

/** The consumer group members that run, or will run, in this process. */
export class GroupMembers {
  private readonly members = new Set<ConsumerGroup>();
  private readonly environment: GroupEnvironment;
  /** Members start as soon as they are added. */
  private hasBegun = false;

  /** @param resolveTopic creates a topic that does not exist, if that is allowed */
  constructor(
    environmentOf: (onStopped: (group: ConsumerGroup) => void) => GroupEnvironment,
    private readonly resolveTopic: (name: string) => Promise<unknown>,
  ) {
    this.environment = environmentOf((group) => void this.members.delete(group));
  }

  get all(): readonly ConsumerGroup[] {
    return [...this.members];
  }

  /** Registers a member. It starts now, or with {@link begin} if that has not been called yet. */
  async add(options: ResolvedGroupOptions): Promise<ConsumerGroup> {
    const group = new ConsumerGroup(options, this.environment);
    this.members.add(group);
    try {
      if (this.hasBegun) await this.beginOne(group);
    } catch (error) {
      this.members.delete(group);
      throw error;
    }
    return group;
  }

  /** Starts the members added so far. Members added later start at once. */
  async begin(): Promise<void> {
    this.hasBegun = true;
    for (const group of this.all) await this.beginOne(group);
  }

  /** Drains every member and commits its offsets. */
  async stop(): Promise<void> {
    await Promise.all(this.all.map((group) => group.stop()));
  }

  private async beginOne(group: ConsumerGroup): Promise<void> {
    for (const name of group.options.topics) await this.resolveTopic(name);
    await group.start();
  }
}

import { ConsumerGroup, type GroupEnvironment } from './consumer-group.js';
import type { ResolvedGroupOptions } from './group-options.js';

/** The members of consumer groups that run, or are to run, in this process. */
export class GroupMembers {
  private readonly members = new Set<ConsumerGroup>();
  private readonly environment: GroupEnvironment;
  /** Members begin as soon as they are there. */
  private hasBegun = false;

  /** @param resolveTopic has a topic created where it does not exist and that is allowed */
  constructor(
    environmentOf: (onStopped: (group: ConsumerGroup) => void) => GroupEnvironment,
    private readonly resolveTopic: (name: string) => Promise<unknown>,
  ) {
    this.environment = environmentOf((group) => void this.members.delete(group));
  }

  get all(): readonly ConsumerGroup[] {
    return [...this.members];
  }

  /** Takes a member down; it begins now, or with {@link begin}. */
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

  /** The members that were added so far begin, and those that are added from now on do so at once. */
  async begin(): Promise<void> {
    this.hasBegun = true;
    for (const group of this.all) await this.beginOne(group);
  }

  /** Drains and commits every member. */
  async stop(): Promise<void> {
    await Promise.all(this.all.map((group) => group.stop()));
  }

  private async beginOne(group: ConsumerGroup): Promise<void> {
    for (const name of group.options.topics) await this.resolveTopic(name);
    await group.start();
  }
}

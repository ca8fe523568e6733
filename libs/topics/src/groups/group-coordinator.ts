import { InvalidGroupError } from '../errors.js';
import {
  type AssignableMember,
  assign,
  type AssignmentStrategy,
  partitionId,
  type TopicPartition,
} from './assignment.js';
import type { GroupMemberDescription, GroupState } from './group.types.js';

/** A member of a group, whatever it is: the coordinator takes partitions from it and gives it others. */
export interface GroupMember extends AssignableMember {
  /** The same for all members of a group. */
  readonly strategy: AssignmentStrategy;
  /** Stops work on these partitions and commits what is done. Resolves when they are free for another member. */
  revoke(partitions: readonly TopicPartition[]): Promise<void>;
  /** Begins work on these partitions. */
  assign(partitions: readonly TopicPartition[]): void;
}

/** How many partitions a topic has that can be consumed now; 0 while it is stopped or gone. */
export type PartitionCounter = (topic: string) => number;

interface Membership {
  readonly members: Map<string, GroupMember>;
  readonly owned: Map<string, TopicPartition[]>;
  /** Members that left and still have to let go of their partitions. */
  readonly leaving: Map<GroupMember, TopicPartition[]>;
  generation: number;
  state: GroupState;
  /** The rebalance under way or planned last; the next one queues behind it. */
  tail: Promise<void>;
  /** A rebalance is queued that has not looked at the members yet: changes before it need no other. */
  planned: boolean;
}

/**
 * Decides which member of a group owns which partition. A partition changes hands only after its owner has let go
 * of it, so it never has two.
 */
export class GroupCoordinator {
  private readonly groups = new Map<string, Membership>();

  constructor(
    private readonly partitionsOf: PartitionCounter,
    private readonly onRebalance: (group: string, generation: number) => void,
  ) {}

  /**
   * Resolves when the member has its partitions.
   * @throws {InvalidGroupError} `INVALID_GROUP` where the others share out by another strategy
   */
  async join(group: string, member: GroupMember): Promise<void> {
    let membership = this.groups.get(group);
    if (membership === undefined) {
      membership = {
        members: new Map(),
        owned: new Map(),
        leaving: new Map(),
        generation: 0,
        state: 'empty',
        tail: Promise.resolve(),
        planned: false,
      };
      this.groups.set(group, membership);
    }
    const other = [...membership.members.values()].find(({ strategy }) => strategy !== member.strategy);
    if (other !== undefined) {
      throw new InvalidGroupError(
        `the members of group ${group} share out by ${other.strategy}, not by ${member.strategy}; use one for all`,
      );
    }
    membership.members.set(member.memberId, member);
    await this.rebalance(group, membership);
  }

  /** Takes all partitions from the member and gives them to the others. */
  async leave(group: string, member: GroupMember): Promise<void> {
    const membership = this.groups.get(group);
    if (membership?.members.get(member.memberId) !== member) return;
    membership.members.delete(member.memberId);
    membership.leaving.set(member, membership.owned.get(member.memberId) ?? []);
    membership.owned.delete(member.memberId);
    await this.rebalance(group, membership);
    if (membership.members.size === 0 && this.groups.get(group) === membership) this.groups.delete(group);
  }

  /** A topic was started, stopped or deleted: the groups that subscribe to it are dealt anew. */
  async topicChanged(topic: string): Promise<void> {
    const affected = [...this.groups].filter(([, { members }]) =>
      [...members.values()].some(({ topics }) => topics.includes(topic)),
    );
    await Promise.all(affected.map(([group, membership]) => this.rebalance(group, membership)));
  }

  groupNames(): string[] {
    return [...this.groups.keys()];
  }

  memberCount(group: string): number {
    return this.groups.get(group)?.members.size ?? 0;
  }

  state(group: string): GroupState {
    return this.groups.get(group)?.state ?? 'empty';
  }

  generation(group: string): number {
    return this.groups.get(group)?.generation ?? 0;
  }

  topics(group: string): string[] {
    const members = [...(this.groups.get(group)?.members.values() ?? [])];
    return [...new Set(members.flatMap(({ topics }) => topics))];
  }

  members(group: string): GroupMemberDescription[] {
    const membership = this.groups.get(group);
    if (membership === undefined) return [];
    return [...membership.members.keys()].map((memberId) => ({
      memberId,
      assignment: byTopic(membership.owned.get(memberId) ?? []),
    }));
  }

  private rebalance(group: string, membership: Membership): Promise<void> {
    if (membership.planned) return membership.tail;
    membership.planned = true;
    membership.state = 'rebalancing';
    const before = membership.tail.catch(() => {});
    membership.tail = before.then(async () => {
      membership.planned = false;
      await this.deal(group, membership);
      if (!membership.planned) membership.state = membership.members.size === 0 ? 'empty' : 'stable';
    });
    return membership.tail;
  }

  private async deal(group: string, membership: Membership): Promise<void> {
    const gone = [...membership.leaving];
    membership.leaving.clear();
    await Promise.all(gone.map(([member, owned]) => member.revoke(owned)));
    const members = [...membership.members.values()];
    const counts = new Map(
      [...new Set(members.flatMap(({ topics }) => topics))].map((topic) => [topic, this.partitionsOf(topic)]),
    );
    // Once for all: those with patterns look at every topic there is.
    const subscribers = members.map(({ memberId, topics }) => ({ memberId, topics }));
    const strategy = members[0]?.strategy ?? 'range';
    const target = assign(strategy, subscribers, counts, membership.owned);
    const gained = new Map<GroupMember, TopicPartition[]>();
    await Promise.all(
      members.map(async (member) => {
        const owned = membership.owned.get(member.memberId) ?? [];
        const wanted = target.get(member.memberId)!;
        const wantedIds = new Set(wanted.map(partitionId));
        const ownedIds = new Set(owned.map(partitionId));
        const lost = owned.filter((one) => !wantedIds.has(partitionId(one)));
        membership.owned.set(member.memberId, wanted);
        gained.set(
          member,
          wanted.filter((one) => !ownedIds.has(partitionId(one))),
        );
        if (lost.length > 0) await member.revoke(lost);
      }),
    );
    membership.generation++;
    for (const [member, partitions] of gained) {
      // A member that left meanwhile must not begin anything.
      if (!membership.members.has(member.memberId)) membership.owned.delete(member.memberId);
      else if (partitions.length > 0) member.assign(partitions);
    }
    this.onRebalance(group, membership.generation);
  }
}

function byTopic(owned: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of owned) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

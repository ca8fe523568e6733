import {
  GroupNotEmptyError,
  GroupNotFoundError,
  InvalidGroupError,
  OffsetOutOfRangeError,
} from '../errors.js';
import type { Partition } from '../partition/partition.js';
import type { Topic } from '../topic.js';
import type { TopicPartition } from './assignment.js';
import { assignedPartitions, subscribedTopics } from './coordinator/assignors.js';
import type { GroupCoordinator } from './coordinator/group-coordinator.js';
import type { MembershipState, MembershipView } from './coordinator/membership.types.js';
import type { GroupOffsets } from './group-offsets.js';
import { assertGroupName } from './group-name.js';
import { MAX_OFFSET_METADATA_BYTES } from './group-options.js';
import type {
  CommitOffsetsOptions,
  CommittedOffset,
  GroupDescription,
  GroupMemberDescription,
  GroupOffsetDescription,
  GroupState,
  GroupSummary,
  OffsetCommit,
  ResetOffsetsOptions,
} from './group.types.js';
import { offsetOf } from './offset-target.js';

const NOBODY: Pick<MembershipView, 'protocolType' | 'members'> = { protocolType: '', members: [] };

const STATES: Readonly<Record<MembershipState, GroupState>> = {
  Empty: 'empty',
  Dead: 'empty',
  PreparingRebalance: 'rebalancing',
  CompletingRebalance: 'rebalancing',
  Stable: 'stable',
};

/** Finds topics for the registry. @internal */
export interface TopicFinder {
  has(name: string): boolean;
  get(name: string): Topic;
}

/**
 * All consumer groups: those with members, and those that only have committed offsets.
 *
 * @publicApi
 */
export class GroupRegistry {
  /** @internal */
  constructor(
    private readonly topics: TopicFinder,
    private readonly coordinator: GroupCoordinator,
    private readonly offsets: GroupOffsets,
  ) {}

  /** Summaries of all groups that have members or committed offsets, sorted by name. */
  list(): GroupSummary[] {
    return this.names().map((group) => this.summary(group));
  }

  /** Names of all groups, sorted. Cheaper than {@link list}, because it does not decode subscriptions. */
  names(): string[] {
    return [...new Set([...this.coordinator.names(), ...this.offsets.groups()])].sort();
  }

  /** Whether the group has members or committed offsets. */
  has(group: string): boolean {
    return this.coordinator.memberCount(group) > 0 || this.offsets.has(group);
  }

  /**
   * Describes a group with its members and offsets.
   * @throws `GROUP_NOT_FOUND`, `INVALID_GROUP` for an invalid group name
   */
  async describe(group: string): Promise<GroupDescription> {
    assertGroupName(group);
    this.assertExists(group);
    const members = this.membersOf(group);
    const owners = new Map<string, string>();
    for (const { memberId, assignment } of members) {
      for (const { topic, partitions } of assignment) {
        for (const partition of partitions) owners.set(`${topic}\0${partition}`, memberId);
      }
    }
    const offsets = this.placesOf(group).map(({ topic, partition }) =>
      this.describeOffset(group, topic, partition, owners.get(`${topic}\0${partition}`) ?? null),
    );
    const lag = offsets.reduce((total, offset) => total + offset.lag, 0);
    const generation = this.coordinator.generation(group);
    return { ...this.summary(group), generation, members, offsets, lag };
  }

  /** The partitions with a committed offset, by topic; empty for an unknown group. */
  committedPartitions(group: string): Map<string, number[]> {
    const partitions = new Map<string, number[]>();
    for (const { topic, partition } of this.offsets.partitionsOf(group)) {
      const indexes = partitions.get(topic);
      if (indexes === undefined) partitions.set(topic, [partition]);
      else indexes.push(partition);
    }
    for (const indexes of partitions.values()) indexes.sort((a, b) => a - b);
    return partitions;
  }

  /** Groups with a member whose metadata lists the topic. @internal */
  subscribersOf(topic: string): string[] {
    return this.coordinator.names().filter((group) => this.subscriptions(group).includes(topic));
  }

  /** The committed offset; null if the group has none in this partition. */
  committed(group: string, topic: string, partition: number): CommittedOffset | null {
    return this.offsets.get(group, topic, partition);
  }

  /**
   * Commits offsets for one of a group's members, or for a group without members; creates the group if there
   * is none. Handlers whose committed offset lies past the end start at the end.
   * @throws `GROUP_NOT_EMPTY`, the errors of the coordinator's `assertMayCommit`, `INVALID_GROUP`,
   *   `TOPIC_NOT_FOUND`, `PARTITION_NOT_FOUND`, `OFFSET_OUT_OF_RANGE`, `LIMIT_REACHED`, or the store's error
   */
  async commitOffsets(
    group: string,
    commits: readonly OffsetCommit[],
    { member, allowBeyondEnd = false }: CommitOffsetsOptions = {},
  ): Promise<void> {
    assertGroupName(group);
    if (member !== undefined) this.coordinator.assertMayCommit(group, member);
    const beyondEnd = new Set<OffsetCommit>();
    for (const commit of commits) {
      const { topic, partition, offset, metadata = '' } = commit;
      const { startOffset, endOffset } = this.topics.get(topic).partition(partition);
      if (!Number.isSafeInteger(offset) || offset < 0 || (offset > endOffset && !allowBeyondEnd)) {
        throw new OffsetOutOfRangeError(topic, partition, offset, startOffset, endOffset);
      }
      if (offset > endOffset) beyondEnd.add(commit);
      if (Buffer.byteLength(metadata) > MAX_OFFSET_METADATA_BYTES) {
        throw new InvalidGroupError(`offset metadata is limited to ${MAX_OFFSET_METADATA_BYTES} bytes`);
      }
    }
    const commit = () => this.offsets.commit(group, commits, beyondEnd);
    const isMember = member !== undefined && (member.local !== undefined || member.generationId >= 0);
    await (isMember ? commit() : this.coordinator.whileEmpty(group, commit));
  }

  /**
   * Deletes a group's committed offsets in some partitions, even if the group has members. A group left
   * without members and offsets no longer exists.
   * @throws `GROUP_NOT_FOUND`, or the store's error
   */
  async deleteOffsets(group: string, places: readonly TopicPartition[]): Promise<void> {
    this.assertExists(group);
    await this.offsets.delete(
      group,
      places.filter(({ topic, partition }) => this.offsets.get(group, topic, partition) !== null),
    );
  }

  /**
   * Moves the committed offsets of a group without members. Returns what was committed, or with `dryRun`
   * would be. An offset out of a partition's range becomes the nearest end of it.
   *
   * A member that joins during the write waits and starts at the new offsets. If a member joins before the
   * write, nothing is written.
   * @throws `GROUP_NOT_FOUND`, `GROUP_NOT_EMPTY`, `TOPIC_NOT_FOUND`, `TOPIC_STOPPED`, `PARTITION_NOT_FOUND`,
   *   `PARTITION_UNAVAILABLE`, `INVALID_GROUP` for an invalid position, or the store's error
   */
  async resetOffsets(group: string, options: ResetOffsetsOptions): Promise<OffsetCommit[]> {
    this.assertExists(group);
    if (options.dryRun !== true) this.assertEmpty(group);
    const topics = options.topics ?? [...new Set(this.placesOf(group).map(({ topic }) => topic))];
    const commits: OffsetCommit[] = [];
    const searched: Partition[] = [];
    for (const name of topics) {
      const topic = this.topics.get(name);
      const partitions =
        options.partition === undefined ? topic.partitions : [topic.partition(options.partition)];
      for (const partition of partitions) {
        const offset = await offsetOf(partition, options.to);
        commits.push({ topic: name, partition: partition.index, offset });
        searched.push(partition);
      }
    }
    // Checks again for members: some may have joined while the offsets were looked up.
    if (options.dryRun !== true) {
      await this.coordinator.whileEmpty(group, () => {
        // In the meantime the topic may have been deleted and created again under the same name.
        for (const partition of searched) partition.assertOpen();
        return this.offsets.commit(group, commits);
      });
    }
    return commits;
  }

  /**
   * Deletes a group and its offsets.
   * @throws `GROUP_NOT_FOUND`, `GROUP_NOT_EMPTY`, or the store's error
   */
  async delete(group: string): Promise<void> {
    this.assertExists(group);
    await this.coordinator.whileEmpty(group, () => this.offsets.deleteGroup(group));
  }

  private summary(group: string): GroupSummary {
    const subscribed = this.subscriptions(group);
    const committed = [...this.offsets.partitionsOf(group)].map(({ topic }) => topic);
    return {
      group,
      state: STATES[this.coordinator.describe(group)?.state ?? 'Empty'],
      members: this.coordinator.memberCount(group),
      topics: [...new Set([...subscribed, ...committed])].sort(),
    };
  }

  private membersOf(group: string): GroupMemberDescription[] {
    const { protocolType, members } = this.coordinator.describe(group) ?? NOBODY;
    return members.map(({ memberId, groupInstanceId: instanceId, clientId, clientHost, assignment }) => {
      const assigned = byTopic(assignedPartitions(protocolType, assignment));
      return { memberId, instanceId, clientId, clientHost, assignment: assigned };
    });
  }

  private subscriptions(group: string): string[] {
    const { protocolType, members } = this.coordinator.describe(group) ?? NOBODY;
    const topics = new Set<string>();
    for (const { metadata } of members) {
      for (const topic of subscribedTopics(protocolType, metadata)) topics.add(topic);
    }
    return [...topics];
  }

  /** The partitions in which the group has offsets or to which it subscribes, sorted. */
  private placesOf(group: string): { topic: string; partition: number }[] {
    const places = new Map<string, { topic: string; partition: number }>();
    const add = (topic: string, partition: number) =>
      places.set(`${topic}\0${partition}`, { topic, partition });
    for (const { topic, partition } of this.offsets.partitionsOf(group)) add(topic, partition);
    for (const topic of this.subscriptions(group)) {
      if (!this.topics.has(topic)) continue;
      for (const { index } of this.topics.get(topic).partitions) add(topic, index);
    }
    return [...places.values()].sort(
      (a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0) || a.partition - b.partition,
    );
  }

  private describeOffset(
    group: string,
    topic: string,
    partition: number,
    memberId: string | null,
  ): GroupOffsetDescription {
    const known = this.offsets.get(group, topic, partition);
    const open = this.topics.has(topic) ? this.topics.get(topic).partitions[partition] : undefined;
    const committed = known?.offset ?? null;
    const endOffset = open?.endOffset ?? committed ?? 0;
    const lag = Math.max(0, endOffset - (committed ?? open?.startOffset ?? 0));
    return { topic, partition, committed, metadata: known?.metadata ?? '', endOffset, lag, memberId };
  }

  private assertExists(group: string): void {
    if (!this.has(group)) throw new GroupNotFoundError(group);
  }

  private assertEmpty(group: string): void {
    const members = this.coordinator.memberCount(group);
    if (members > 0) throw new GroupNotEmptyError(group, members);
  }
}

function byTopic(places: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of places) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

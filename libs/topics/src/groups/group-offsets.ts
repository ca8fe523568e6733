import { LimitReachedError } from '../errors.js';
import { type MetaChange, type MetaSnapshot, type MetaStore, offsetKeyOf } from '../meta/meta-store.js';
import type { TopicPartition } from './assignment.js';
import type { CommittedOffset, MemberCommit, OffsetCommit } from './group.types.js';

/**
 * Called with every partition whose committed offsets changed, so that its store learns what is still needed.
 */
export type OffsetsListener = (topic: string, partition: number) => void;

const NONE: ReadonlySet<OffsetCommit> = new Set();

/** Committed offsets of all groups, read from memory and persisted in the meta store. */
export class GroupOffsets {
  private readonly byPartition = new Map<string, Map<number, Map<string, CommittedOffset>>>();
  private readonly byGroup = new Map<string, Map<string, Set<number>>>();
  /** Commits in flight of groups without offsets, by group. These groups count towards the limit already. */
  private readonly beginning = new Map<string, number>();
  onChange: OffsetsListener = () => {};

  constructor(
    private readonly meta: MetaStore,
    private readonly maxGroups: number,
  ) {}

  load(snapshot: MetaSnapshot): void {
    for (const { group, topic, partition, committed } of snapshot.offsets) {
      this.remember(group, topic, partition, committed);
    }
  }

  groups(): string[] {
    return [...this.byGroup.keys()];
  }

  has(group: string): boolean {
    return this.byGroup.has(group);
  }

  get(group: string, topic: string, partition: number): CommittedOffset | null {
    return this.byPartition.get(topic)?.get(partition)?.get(group) ?? null;
  }

  /** The partitions in which the group has an offset. */
  *partitionsOf(group: string): IterableIterator<{ topic: string; partition: number }> {
    for (const [topic, partitions] of this.byGroup.get(group) ?? []) {
      for (const partition of partitions) yield { topic, partition };
    }
  }

  /** The groups that have an offset in the topic. */
  groupsIn(topic: string): string[] {
    return [...this.byGroup].filter(([, topics]) => topics.has(topic)).map(([group]) => group);
  }

  /**
   * The lowest and the highest offset that groups have committed in a partition, or tried. The log continues
   * after the highest, so offsets committed past the end do not count for it: no client may push the log
   * forward.
   */
  range(topic: string, partition: number): { lowest: number; highest: number } | null {
    const committed = [...(this.byPartition.get(topic)?.get(partition)?.values() ?? [])];
    if (committed.length === 0) return null;
    let lowest = Number.MAX_SAFE_INTEGER;
    let highest = 0;
    for (const { offset, isBeyondEnd, deliveries } of committed) {
      lowest = Math.min(lowest, offset);
      if (isBeyondEnd === true) continue;
      highest = Math.max(highest, offset);
      // Stored tries must never be attributed to another message, so their offsets are not given out again.
      for (const tried of deliveries?.tries ?? []) highest = Math.max(highest, tried.offset + 1);
    }
    return { lowest, highest };
  }

  /**
   * Resolves once the offsets are durable. Readers do not see them earlier.
   * @param beyondEnd the commits that lie past the end of their partition
   * @throws {LimitReachedError} `LIMIT_REACHED`
   */
  async commit(
    group: string,
    commits: readonly MemberCommit[],
    beyondEnd: ReadonlySet<OffsetCommit> = NONE,
  ): Promise<void> {
    const begun = this.beginCommit(group);
    try {
      await this.write(group, commits, beyondEnd);
    } finally {
      begun?.();
    }
  }

  /**
   * Counts a new group towards the limit from its first commit on. The returned function must be called when
   * the commit has ended.
   */
  private beginCommit(group: string): (() => void) | undefined {
    const { beginning, byGroup, maxGroups } = this;
    if (byGroup.has(group)) return undefined;
    if (!beginning.has(group) && byGroup.size + beginning.size >= maxGroups) {
      const what = `consumer group ${JSON.stringify(group)} would be one too many`;
      throw new LimitReachedError(what, maxGroups, 'delete groups that are not needed', 'maxGroups');
    }
    beginning.set(group, (beginning.get(group) ?? 0) + 1);
    return () => {
      const left = (beginning.get(group) ?? 0) - 1;
      if (left > 0) beginning.set(group, left);
      else beginning.delete(group);
    };
  }

  private async write(
    group: string,
    commits: readonly MemberCommit[],
    beyondEnd: ReadonlySet<OffsetCommit>,
  ): Promise<void> {
    const timestamp = Date.now();
    const entries = commits.map((commit) => {
      const { topic, partition, offset, metadata = '', leaderEpoch, deliveries } = commit;
      const committed: CommittedOffset = {
        offset,
        metadata,
        timestamp,
        ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
        ...(deliveries && { deliveries }),
      };
      return beyondEnd.has(commit)
        ? { topic, partition, committed: { ...committed, isBeyondEnd: true as const } }
        : { topic, partition, committed };
    });
    await this.meta.write(
      entries.map(({ topic, partition, committed }) => ({
        key: offsetKeyOf(group, topic, partition),
        value: committed,
      })),
    );
    for (const { topic, partition, committed } of entries) {
      this.remember(group, topic, partition, committed);
      this.onChange(topic, partition);
    }
    if (entries.length > 0) this.beginning.delete(group);
  }

  /** Deletes the offsets of a group, except those that are committed in the meantime. */
  async deleteGroup(group: string): Promise<void> {
    await this.delete(group, [...this.partitionsOf(group)]);
  }

  /** Deletes single offsets. A group without offsets is forgotten. */
  async delete(group: string, places: readonly TopicPartition[]): Promise<void> {
    await this.meta.write(
      places.map(({ topic, partition }) => ({ key: offsetKeyOf(group, topic, partition), value: null })),
    );
    for (const { topic, partition } of places) {
      this.byPartition.get(topic)?.get(partition)?.delete(group);
      const topics = this.byGroup.get(group);
      topics?.get(topic)?.delete(partition);
      if (topics?.get(topic)?.size === 0) topics.delete(topic);
      if (topics?.size === 0) this.byGroup.delete(group);
      this.onChange(topic, partition);
    }
  }

  /**
   * The changes that delete a topic's offsets. The caller writes them together with its other changes, then
   * calls {@link forgetTopic}.
   */
  removalOf(topic: string): MetaChange[] {
    const changes: MetaChange[] = [];
    for (const [partition, groups] of this.byPartition.get(topic) ?? []) {
      for (const group of groups.keys())
        changes.push({ key: offsetKeyOf(group, topic, partition), value: null });
    }
    return changes;
  }

  forgetTopic(topic: string): void {
    this.byPartition.delete(topic);
    for (const [group, topics] of this.byGroup) {
      topics.delete(topic);
      if (topics.size === 0) this.byGroup.delete(group);
    }
  }

  private remember(group: string, topic: string, partition: number, committed: CommittedOffset): void {
    getOrAdd(
      getOrAdd(this.byPartition, topic, () => new Map<number, Map<string, CommittedOffset>>()),
      partition,
      () => new Map<string, CommittedOffset>(),
    ).set(group, committed);
    getOrAdd(
      getOrAdd(this.byGroup, group, () => new Map<string, Set<number>>()),
      topic,
      () => new Set<number>(),
    ).add(partition);
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

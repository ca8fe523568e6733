import { isGenRocksError } from '@genrocks/storage';
import type { Partition } from '../partition/partition.js';
import type { GroupOffsets } from './group-offsets.js';
import type { OffsetCommit } from './group.types.js';

/** Returns the groups with a member that subscribes to a topic. */
export type Subscribers = (topic: string) => Iterable<string>;

/**
 * Makes groups start new partitions at the beginning: commits their offsets before anyone can publish there.
 * Members learn of a new partition later, Kafka clients minutes later, and one that starts at `latest` would
 * skip the messages published by then.
 */
export class FirstOffsets {
  constructor(
    private readonly offsets: GroupOffsets,
    private readonly subscribersOf: Subscribers,
  ) {}

  /**
   * Commits the first offsets in partitions added to a topic, for all groups that read it. Repeats until no
   * new group has appeared in the meantime.
   * @param begun groups that have their first offsets already
   * @returns `begun` and the groups that got them now
   */
  async ofAdded(
    topic: string,
    added: readonly Pick<Partition, 'index' | 'startOffset'>[],
    begun: ReadonlySet<string> = new Set(),
  ): Promise<ReadonlySet<string>> {
    const places = added.map(({ index, startOffset }) => ({ topic, partition: index, offset: startOffset }));
    const done = new Set(begun);
    for (;;) {
      const groups = new Set([...this.offsets.groupsIn(topic), ...this.subscribersOf(topic)]);
      const fresh = [...groups].filter((group) => !done.has(group));
      if (fresh.length === 0) return done;
      await Promise.all(fresh.map((group) => this.begin(group, places)));
      for (const group of fresh) done.add(group);
    }
  }

  /**
   * Commits the first offsets in a topic that opens, for groups that subscribe to it already: by name since
   * before it existed, or in this process by a pattern (patterns of clients are known to the clients only).
   * In partitions with messages each group starts at its own `from`.
   */
  async ofOpened(topic: string, partitions: readonly Partition[]): Promise<void> {
    const empty = partitions.filter((one) => one.state === 'open' && one.startOffset === one.endOffset);
    for (const group of this.subscribersOf(topic)) {
      const places = empty
        .filter(({ index }) => this.offsets.get(group, topic, index) === null)
        .map(({ index, startOffset }) => ({ topic, partition: index, offset: startOffset }));
      if (places.length > 0) await this.begin(group, places);
    }
  }

  private async begin(group: string, places: readonly OffsetCommit[]): Promise<void> {
    try {
      await this.offsets.commit(group, places);
    } catch (error) {
      // A group beyond the limit can commit nothing, and its members get the error. The topic must open all
      // the same.
      if (!isGenRocksError(error, 'LIMIT_REACHED')) throw error;
    }
  }
}

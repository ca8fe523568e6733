import { isGenRocksError } from '@genrocks/storage';
import type { Partition } from '../partition/partition.js';
import type { GroupOffsets } from './group-offsets.js';
import type { OffsetCommit } from './group.types.js';

/** The groups with a member that subscribes to a topic. */
export type Subscribers = (topic: string) => Iterable<string>;

/**
 * Where groups begin in partitions that are new: at their beginning, by offsets that are committed before anyone can publish
 * there. Members learn of them later, Kafka clients by minutes, and one that begins at the latest would skip what has
 * come by then.
 */
export class FirstOffsets {
  constructor(
    private readonly offsets: GroupOffsets,
    private readonly subscribersOf: Subscribers,
  ) {}

  /**
   * Of partitions that are added to a topic, for all groups that read it. Goes on until no group has come meanwhile.
   * @param begun groups that have begun
   * @returns these and those that have begun now
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
   * Of a topic that opens, for groups that subscribe to it already: by its name, since before it was there, or in this
   * process by a pattern (those of clients are known to nobody else). Where there are messages, each group begins by its
   * own `from`.
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
      // One group too many can commit nothing at all, which its members are told; the topic is not to suffer for it.
      if (!isGenRocksError(error, 'LIMIT_REACHED')) throw error;
    }
  }
}

import { TopicExistsError } from './errors.js';
import type { TopicRecord } from './meta/topic-record.js';
import type { TopicsAdapters } from './options.js';
import type { UnregisteredStore } from './status.types.js';

/** Knows which stores lie on the adapters without a topic that owns them. */
export class StoreInventory {
  private orphans: UnregisteredStore[] = [];

  constructor(private readonly adapters: TopicsAdapters) {}

  /** Looks again; returns what no topic of these owns. */
  async refresh(records: readonly TopicRecord[]): Promise<readonly UnregisteredStore[]> {
    const owners = new Map(records.map((record) => [record.name, record]));
    const orphans: UnregisteredStore[] = [];
    for (const adapter of this.adapters.all) {
      for (const { topic, partition } of await adapter.list()) {
        // Names that begin so are reserved: stores of GenRocks' own.
        if (adapter === this.adapters.default && topic.startsWith('__')) continue;
        const owner = owners.get(topic);
        if (owner?.adapter === adapter.name && partition < owner.partitions) continue;
        orphans.push({ adapter: adapter.name, topic, partition });
      }
    }
    this.orphans = orphans;
    return orphans;
  }

  get unregistered(): readonly UnregisteredStore[] {
    return this.orphans;
  }

  /**
   * A new topic adopts data that lies under its name, if it has partitions for all of it.
   * @throws {TopicExistsError} `TOPIC_EXISTS`
   */
  assertFits(record: TopicRecord): void {
    const highest = Math.max(-1, ...this.under(record).map(({ partition }) => partition));
    if (highest < record.partitions) return;
    throw new TopicExistsError(
      record.name,
      `its storage holds unregistered data of partition ${highest}; start it with at least ${highest + 1} partitions, ` +
        'or move the data away',
    );
  }

  adopt(record: TopicRecord): void {
    const adopted = new Set(this.under(record));
    this.orphans = this.orphans.filter((store) => !adopted.has(store));
  }

  private under(record: TopicRecord): UnregisteredStore[] {
    return this.orphans.filter(({ adapter, topic }) => adapter === record.adapter && topic === record.name);
  }
}

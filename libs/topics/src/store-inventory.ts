import { TopicExistsError } from './errors.js';
import type { TopicRecord } from './meta/topic-record.js';
import type { TopicsAdapters } from './options.js';
import type { UnregisteredStore } from './status.types.js';

/** Keeps the list of stores on the adapters that no topic owns. */
export class StoreInventory {
  private orphans: UnregisteredStore[] = [];

  constructor(private readonly adapters: TopicsAdapters) {}

  /** Lists the stores again; returns those that no topic of `records` owns. */
  async refresh(records: readonly TopicRecord[]): Promise<readonly UnregisteredStore[]> {
    const owners = new Map(records.map((record) => [record.name, record]));
    const orphans: UnregisteredStore[] = [];
    for (const adapter of this.adapters.all) {
      for (const { topic, partition } of await adapter.list()) {
        // Reserved names: stores of GenRocks itself.
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
   * Checks that a new topic has a partition for every store under its name, which it will adopt.
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

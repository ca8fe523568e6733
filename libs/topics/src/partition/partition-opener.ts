import { isError, type StorageAdapter, type StoreEvent } from '@genrocks/storage';
import type { TopicsEvents } from '../events.js';
import { forEachLimited } from '../keyed-mutex.js';
import type { TopicRecord } from '../meta/topic-record.js';
import { Partition } from './partition.js';
import type { LogFloor, PartitionOwner, SharedEnvironment } from './partition.types.js';

/** Stores opened in parallel. Opening may scan a file each. */
const PARALLEL_OPENS = 16;

/** Opens and closes the partitions of a topic. */
export class PartitionOpener {
  constructor(
    private readonly environment: SharedEnvironment,
    private readonly events: TopicsEvents,
  ) {}

  /**
   * Opens every partition from number `first` on. A partition that fails is marked as failed and reported,
   * and the others still open. With `strict` the first failure closes them all and is thrown.
   */
  async open(
    record: TopicRecord,
    adapter: StorageAdapter,
    owner: PartitionOwner,
    floorOf: (partition: number) => LogFloor,
    strict: boolean,
    first = 0,
  ): Promise<Partition[]> {
    const environment = { ...this.environment, room: this.environment.rooms.of(adapter.name) };
    const partitions = Array.from(
      { length: record.partitions - first },
      (_, i) => new Partition(owner, first + i, environment),
    );
    try {
      await forEachLimited(partitions, PARALLEL_OPENS, async (partition) => {
        try {
          await this.openOne(partition, record, adapter, floorOf(partition.index));
        } catch (error) {
          if (strict) throw error;
          partition.fail(error);
          this.report(record.name, partition.index, error);
        }
      });
    } catch (error) {
      await this.close(partitions);
      throw error;
    }
    return partitions;
  }

  async close(partitions: readonly Partition[]): Promise<void> {
    await forEachLimited(partitions, PARALLEL_OPENS, (partition) => partition.close());
  }

  private async openOne(
    partition: Partition,
    record: TopicRecord,
    adapter: StorageAdapter,
    floor: LogFloor,
  ): Promise<void> {
    const store = await adapter.open(record.name, partition.index, {
      settings: record.settings,
      onEvent: (event) => this.onEvent(record.name, partition, event),
    });
    try {
      await partition.open(store, floor);
      // Before anything is written: a store that retains what groups need must know their offsets by then.
      if (floor.needed !== null) await partition.retainFrom(floor.needed).catch(() => {});
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  private onEvent(topic: string, partition: Partition, event: StoreEvent): void {
    if (event.type === 'evicted') partition.onEvicted();
    this.events.send('store-event', { topic, partition: partition.index, event });
  }

  private report(topic: string, partition: number, error: unknown): void {
    const reason = isError(error) ? error : new Error(String(error));
    this.events.send('partition-failed', { topic, partition, error: reason });
  }
}

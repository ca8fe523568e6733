import type { Partition, Topic } from '@genrocks/topics';
import { isUnreadable } from '@genrocks/topics/listener';
import { baseOffsetOf } from '@genrocks/topics/records';
import type { KafkaState } from '../state/kafka-state.js';
import { producerOf } from './batch-producer.js';
import { PartitionProducers, type ProducerSnapshot } from './partition-producers.js';
import { believedTo } from './snapshot-proof.js';

/** Producers remembered per partition. */
const MAX_PRODUCERS = 1_000;
/** Partitions whose producers are kept in memory; those of other partitions are reloaded from state and log. */
const MAX_PARTITIONS = 2_000;
/** A snapshot is written after this many new records, so that loading reads little of the log. */
const SNAPSHOT_RECORDS = 50_000;
/**
 * Most records read when the state is loaded. Writes of Kafka clients never leave the snapshot so far behind. If more
 * records were published inside the process since, the snapshot is not used: a producer that last wrote before the
 * records read counts as a new one.
 */
const MAX_REPLAYED_RECORDS = 2 * SNAPSHOT_RECORDS;
const SCAN_BYTES = 4 * 1024 * 1024;

interface Entry {
  readonly partition: Partition;
  readonly producers: PartitionProducers;
  /** The snapshot covers everything before this offset. */
  savedTo: number;
  saving: Promise<void> | undefined;
}

/** Partitions that have written a snapshot since they were opened. Their logs have all batches of that snapshot. */
const saved = new WeakSet<Partition>();

/** One partition's producers, from their first use. */
interface Slot {
  readonly loading: Promise<Entry>;
  /** The result of `loading`. */
  entry: Entry | undefined;
  /** Calls that still wait for the entry. */
  waiting: number;
}

interface StoredSnapshot {
  readonly offset: number;
  readonly producers: readonly ProducerSnapshot[];
}

/**
 * Keeps the idempotent producers of all partitions. After a restart they are rebuilt from the last snapshot and the log
 * after it, when a producer first writes to the partition.
 */
export class ProducerRegistry {
  private readonly slots = new Map<string, Slot>();

  constructor(private readonly state: KafkaState) {}

  /**
   * Calls `take` with the producers of a partition: at once if they are loaded, otherwise after loading them. Callbacks
   * run in the order of the calls, so that batches are checked in the order in which they were sent.
   */
  use<T>(
    topic: Topic,
    partition: Partition,
    take: (producers: PartitionProducers) => T | Promise<T>,
  ): T | Promise<T> {
    const slot = this.slots.get(keyOf(topic, partition));
    const entry = slot?.entry;
    if (entry !== undefined && entry.partition === partition && slot!.waiting === 0)
      return take(entry.producers);
    return this.useLater(topic, partition, take);
  }

  /** Writes a snapshot if the log has grown enough since the last one; undefined if there is nothing to do. */
  stored(topic: Topic, partition: Partition): Promise<void> | undefined {
    const key = keyOf(topic, partition);
    const entry = this.slots.get(key)?.entry;
    if (entry === undefined || entry.partition !== partition) return undefined;
    return partition.endOffset - entry.savedTo >= SNAPSHOT_RECORDS ? this.save(key, entry) : undefined;
  }

  /** Writes a snapshot if the log has grown since the last one. */
  async saveOf(topic: Topic, partition: Partition): Promise<void> {
    await this.use(topic, partition, () => {});
    const key = keyOf(topic, partition);
    const entry = this.slots.get(key)?.entry;
    if (entry !== undefined && partition.endOffset > entry.savedTo) await this.save(key, entry);
  }

  /** Writes a snapshot of every partition that has changed since its last one. */
  async saveAll(): Promise<void> {
    for (const [key, { loading }] of this.slots) {
      const entry = await loading;
      if (entry.partition.endOffset > entry.savedTo) await this.save(key, entry);
    }
  }

  /** Forgets the producers of a topic that is deleted. */
  async forgetTopic(topicId: string): Promise<void> {
    const prefix = prefixOf(topicId);
    for (const key of this.slots.keys()) if (key.startsWith(prefix)) this.slots.delete(key);
    for (const key of await this.state.keys(prefix)) await this.state.delete(key);
  }

  /** Forgets the producers of all other topics, which were deleted while the listener was not running. */
  async forgetAllBut(topicIds: ReadonlySet<string>): Promise<void> {
    for (const key of await this.state.keys(PREFIX)) {
      if (!topicIds.has(topicOf(key))) await this.state.delete(key);
    }
  }

  private async useLater<T>(
    topic: Topic,
    partition: Partition,
    take: (producers: PartitionProducers) => T | Promise<T>,
  ): Promise<T> {
    const key = keyOf(topic, partition);
    for (;;) {
      // A partition that is not open accepts no batch, so an empty state will do.
      if (partition.state !== 'open') return await take(new PartitionProducers(1));
      const slot = this.slots.get(key) ?? this.load(key, partition);
      slot.waiting++;
      let entry: Entry;
      try {
        entry = await slot.loading;
      } finally {
        // Decremented in the same turn as the callback, so that calls made until then wait their turn too.
        slot.waiting--;
      }
      if (entry.partition === partition) return await take(entry.producers);
      // The topic was stopped and started again. The log may have changed meanwhile, so load it anew.
      if (this.slots.get(key) === slot) this.slots.delete(key);
    }
  }

  private load(key: string, partition: Partition): Slot {
    const slot: Slot = { loading: this.readLog(key, partition), entry: undefined, waiting: 0 };
    this.slots.set(key, slot);
    slot.loading.then(
      (entry) => (slot.entry = entry),
      () => this.slots.get(key) === slot && this.slots.delete(key),
    );
    if (this.slots.size > MAX_PARTITIONS) this.evict().catch(() => {});
    return slot;
  }

  private async readLog(key: string, partition: Partition): Promise<Entry> {
    let producers = new PartitionProducers(MAX_PRODUCERS);
    const snapshot = await this.state.get<StoredSnapshot>(key);
    const lostFrom = snapshot === undefined ? 0 : await this.lostFrom(partition, snapshot);
    const savedTo = Math.min(snapshot?.offset ?? 0, lostFrom);
    // No batch of an idempotent producer is appended before this resolves, so reading up to the current end is enough.
    let offset = Math.max(savedTo, partition.startOffset, partition.endOffset - MAX_REPLAYED_RECORDS);
    // Batches between the snapshot and this offset are not read. If there may be any, the snapshot is out of date, and
    // would refuse the next batch of a producer that wrote one: its producers count as new ones.
    if (snapshot !== undefined && offset === savedTo) producers.restore(snapshot.producers, lostFrom);
    while (offset < partition.endOffset) {
      const read = await readPastRot(partition, Math.max(offset, partition.startOffset));
      // The stretch may have had a later batch of anyone known so far.
      if (read.isUnreadable) producers = new PartitionProducers(MAX_PRODUCERS);
      for (const batch of read.batches) {
        const producer = producerOf(batch);
        const baseOffset = baseOffsetOf(batch);
        if (producer !== undefined && baseOffset >= savedTo) producers.replay(producer, baseOffset);
      }
      offset = read.nextOffset;
    }
    const entry: Entry = { partition, producers, savedTo, saving: undefined };
    // Save before new batches take the offsets of the lost ones, or the next start would believe the old snapshot.
    if (snapshot !== undefined && savedTo < snapshot.offset) await this.save(key, entry);
    return entry;
  }

  /**
   * The offset from which on the log lacks batches of the snapshot, because it is in memory or an older copy. Those
   * batches must be accepted when they are sent again.
   */
  private async lostFrom(partition: Partition, { producers }: StoredSnapshot): Promise<number> {
    if (saved.has(partition)) return Infinity;
    return Math.min(partition.lostFrom, await believedTo(partition, producers));
  }

  private save(key: string, entry: Entry): Promise<void> {
    return (entry.saving ??= this.write(key, entry).finally(() => (entry.saving = undefined)));
  }

  private async write(key: string, entry: Entry): Promise<void> {
    const { partition, producers } = entry;
    const snapshot: StoredSnapshot = producers.snapshot(partition.endOffset);
    // Sync the log first: after a power cut, the snapshot must not list a batch that the log has lost.
    if (partition.state === 'open') await partition.sync();
    await this.state.put(key, snapshot);
    saved.add(partition);
    entry.savedTo = snapshot.offset;
  }

  /** Evicts the partition that was loaded first, among those that are not being written. */
  private async evict(): Promise<void> {
    for (const [key, slot] of this.slots) {
      const { entry } = slot;
      const isUsed = () => entry === undefined || slot.waiting > 0 || entry.producers.isBusy;
      if (entry === undefined || isUsed()) continue;
      await this.save(key, entry);
      if (isUsed()) continue;
      if (this.slots.get(key) === slot) this.slots.delete(key);
      return;
    }
  }
}

/** Reads batches, and skips an unreadable stretch: damage must not keep producers from writing. */
async function readPastRot(
  partition: Partition,
  offset: number,
): Promise<{ batches: readonly Buffer[]; nextOffset: number; isUnreadable: boolean }> {
  try {
    const { batches, nextOffset } = await partition.readBatches({ offset, maxBytes: SCAN_BYTES });
    return { batches, nextOffset, isUnreadable: false };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const { nextOffset } = await partition.unreadableAt(offset);
    return { batches: [], nextOffset, isUnreadable: true };
  }
}

const PREFIX = 'producers\0';

function prefixOf(topicId: string): string {
  return `${PREFIX}${topicId}\0`;
}

function topicOf(key: string): string {
  return key.slice(PREFIX.length, key.lastIndexOf('\0'));
}

function keyOf(topic: Topic, partition: Partition): string {
  return prefixOf(topic.id) + partition.index;
}

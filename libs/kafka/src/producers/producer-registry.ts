import type { Partition, Topic } from '@genrocks/topics';
import { isUnreadable } from '@genrocks/topics/listener';
import { baseOffsetOf } from '@genrocks/topics/records';
import type { KafkaState } from '../state/kafka-state.js';
import { producerOf } from './batch-producer.js';
import { PartitionProducers, type ProducerSnapshot } from './partition-producers.js';
import { believedTo } from './snapshot-proof.js';

/** Producers remembered per partition. */
const MAX_PRODUCERS = 1_000;
/** Partitions whose producers are in memory; those of others are read again from state and log. */
const MAX_PARTITIONS = 2_000;
/** A snapshot is written when the log has grown by so many records since the last one, so that a start reads little. */
const SNAPSHOT_RECORDS = 50_000;
/**
 * Most records read when the state is loaded. A snapshot is never so far behind for what Kafka clients write; where more
 * than that was published inside the process since, a producer that last wrote before it is taken for a new one.
 */
const MAX_REPLAYED_RECORDS = 2 * SNAPSHOT_RECORDS;
const SCAN_BYTES = 4 * 1024 * 1024;

interface Entry {
  readonly partition: Partition;
  readonly producers: PartitionProducers;
  /** The snapshot has everything before this offset. */
  savedTo: number;
  saving: Promise<void> | undefined;
}

/** Partitions of which a snapshot was written since they were opened: all that it tells of is in their logs. */
const saved = new WeakSet<Partition>();

/** One partition's producers, from when they are first asked for. */
interface Slot {
  readonly loading: Promise<Entry>;
  /** What `loading` has brought. */
  entry: Entry | undefined;
  /** Calls that have not had the entry yet. */
  waiting: number;
}

interface StoredSnapshot {
  readonly offset: number;
  readonly producers: readonly ProducerSnapshot[];
}

/**
 * Finds the idempotent producers of partitions. Their batches lie in the log, so after a restart the state is the
 * last snapshot and what the log holds after it; it is read when a producer first writes to the partition.
 */
export class ProducerRegistry {
  private readonly slots = new Map<string, Slot>();

  constructor(private readonly state: KafkaState) {}

  /**
   * Calls back with the producers of a partition: at once where they are known, otherwise when they have been read. Calls
   * come in the order in which they were made, so that batches that were sent one after the other are judged in that order.
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

  /** Writes a snapshot where the log has grown enough since the last one; undefined where there is nothing to do. */
  stored(topic: Topic, partition: Partition): Promise<void> | undefined {
    const key = keyOf(topic, partition);
    const entry = this.slots.get(key)?.entry;
    if (entry === undefined || entry.partition !== partition) return undefined;
    return partition.endOffset - entry.savedTo >= SNAPSHOT_RECORDS ? this.save(key, entry) : undefined;
  }

  /** Writes a snapshot where there is anything new to write. */
  async saveOf(topic: Topic, partition: Partition): Promise<void> {
    await this.use(topic, partition, () => {});
    const key = keyOf(topic, partition);
    const entry = this.slots.get(key)?.entry;
    if (entry !== undefined && partition.endOffset > entry.savedTo) await this.save(key, entry);
  }

  /** Writes what has changed since the last snapshots. */
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

  /** Forgets the producers of all topics but these: what was deleted while nobody listened. */
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
      // It takes nothing any more, so it matters little who has written to it.
      if (partition.state !== 'open') return await take(new PartitionProducers(1));
      const slot = this.slots.get(key) ?? this.load(key, partition);
      slot.waiting++;
      let entry: Entry;
      try {
        entry = await slot.loading;
      } finally {
        // In the same turn as what is done with it: who comes meanwhile waits too.
        slot.waiting--;
      }
      if (entry.partition === partition) return await take(entry.producers);
      // The topic was stopped and started again: the log may hold what others wrote meanwhile.
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
    const producers = new PartitionProducers(MAX_PRODUCERS);
    const snapshot = await this.state.get<StoredSnapshot>(key);
    const lostFrom = snapshot === undefined ? 0 : await this.lostFrom(partition, snapshot);
    if (snapshot !== undefined) producers.restore(snapshot.producers, lostFrom);
    const savedTo = Math.min(snapshot?.offset ?? 0, lostFrom);
    // Nobody appends for an idempotent producer before this has resolved, so the end of the log is enough.
    let offset = Math.max(savedTo, partition.endOffset - MAX_REPLAYED_RECORDS);
    while (offset < partition.endOffset) {
      const read = await readPastRot(partition, Math.max(offset, partition.startOffset));
      for (const batch of read.batches) {
        const producer = producerOf(batch);
        const baseOffset = baseOffsetOf(batch);
        if (producer !== undefined && baseOffset >= savedTo) producers.replay(producer, baseOffset);
      }
      offset = read.nextOffset;
    }
    const entry: Entry = { partition, producers, savedTo, saving: undefined };
    // Before anything is stored where the lost batches stood: the next start must not believe in them either.
    if (snapshot !== undefined && savedTo < snapshot.offset) await this.save(key, entry);
    return entry;
  }

  /**
   * From where on the log does not have what a snapshot tells of: memory, or the log is an older copy. It must be taken
   * when it is sent again.
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
    // Of two files a power cut may take either: a snapshot must never tell of a batch that the log has lost.
    if (partition.state === 'open') await partition.sync();
    await this.state.put(key, snapshot);
    saved.add(partition);
    entry.savedTo = snapshot.offset;
  }

  /** Gives up the partition that was read first, of those that nobody writes to just now. */
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

/** What has rotted tells of no producer, and keeps none from writing on. */
async function readPastRot(
  partition: Partition,
  offset: number,
): Promise<{ batches: readonly Buffer[]; nextOffset: number }> {
  try {
    return await partition.readBatches({ offset, maxBytes: SCAN_BYTES });
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return { batches: [], nextOffset: (await partition.unreadableAt(offset)).nextOffset };
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

import { baseOffsetOf, type Partition, type Topic } from '@genrocks/topics';
import type { KafkaState } from '../state/kafka-state.js';
import { producerOf } from './batch-producer.js';
import { PartitionProducers, type ProducerSnapshot } from './partition-producers.js';

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

interface StoredSnapshot {
  readonly offset: number;
  readonly producers: readonly ProducerSnapshot[];
}

/**
 * Finds the idempotent producers of partitions. Their batches lie in the log, so after a restart the state is the
 * last snapshot and what the log holds behind it; it is read when a producer first writes to the partition.
 */
export class ProducerRegistry {
  private readonly entries = new Map<string, Promise<Entry>>();

  constructor(private readonly state: KafkaState) {}

  async of(topic: Topic, partition: Partition): Promise<PartitionProducers> {
    const key = keyOf(topic, partition);
    let loading = this.entries.get(key);
    if (loading !== undefined) {
      const entry = await loading;
      // The topic was stopped and started again: the log may hold what others wrote meanwhile.
      if (entry.partition === partition) return entry.producers;
      if (this.entries.get(key) === loading) this.entries.delete(key);
      loading = this.entries.get(key);
    }
    if (loading === undefined) {
      loading = this.load(key, partition);
      this.entries.set(key, loading);
      loading.catch(() => void this.entries.delete(key));
      if (this.entries.size > MAX_PARTITIONS) await this.evict();
    }
    return (await loading).producers;
  }

  /** Writes a snapshot where the log has grown enough since the last one. */
  async stored(topic: Topic, partition: Partition): Promise<void> {
    const key = keyOf(topic, partition);
    const entry = await this.entries.get(key);
    if (entry === undefined || entry.partition !== partition) return;
    if (partition.endOffset - entry.savedTo >= SNAPSHOT_RECORDS) await this.save(key, entry);
  }

  /** Writes a snapshot where there is anything new to write. */
  async saveOf(topic: Topic, partition: Partition): Promise<void> {
    await this.of(topic, partition);
    const key = keyOf(topic, partition);
    const entry = await this.entries.get(key);
    if (entry !== undefined && partition.endOffset > entry.savedTo) await this.save(key, entry);
  }

  /** Writes what has changed since the last snapshots. */
  async saveAll(): Promise<void> {
    for (const [key, loading] of this.entries) {
      const entry = await loading;
      if (entry.partition.endOffset > entry.savedTo) await this.save(key, entry);
    }
  }

  /** Forgets the producers of a topic that is deleted. */
  async forgetTopic(topicId: string): Promise<void> {
    const prefix = prefixOf(topicId);
    for (const key of this.entries.keys()) if (key.startsWith(prefix)) this.entries.delete(key);
    for (const key of await this.state.keys(prefix)) await this.state.delete(key);
  }

  private async load(key: string, partition: Partition): Promise<Entry> {
    const producers = new PartitionProducers(MAX_PRODUCERS);
    const snapshot = await this.state.get<StoredSnapshot>(key);
    if (snapshot !== undefined) producers.restore(snapshot.producers);
    const savedTo = snapshot?.offset ?? 0;
    // Nobody appends for an idempotent producer before this has resolved, so the end of the log is enough.
    let offset = Math.max(savedTo, partition.endOffset - MAX_REPLAYED_RECORDS);
    while (offset < partition.endOffset) {
      const read = await partition.readBatches({
        offset: Math.max(offset, partition.startOffset),
        maxBytes: SCAN_BYTES,
      });
      for (const batch of read.batches) {
        const producer = producerOf(batch);
        const baseOffset = baseOffsetOf(batch);
        if (producer !== undefined && baseOffset >= savedTo) producers.replay(producer, baseOffset);
      }
      offset = read.nextOffset;
    }
    return { partition, producers, savedTo, saving: undefined };
  }

  private save(key: string, entry: Entry): Promise<void> {
    return (entry.saving ??= this.write(key, entry).finally(() => (entry.saving = undefined)));
  }

  private async write(key: string, entry: Entry): Promise<void> {
    const snapshot: StoredSnapshot = entry.producers.snapshot(entry.partition.endOffset);
    await this.state.put(key, snapshot);
    entry.savedTo = snapshot.offset;
  }

  private async evict(): Promise<void> {
    const [oldest] = this.entries;
    if (oldest === undefined) return;
    const [key, loading] = oldest;
    const entry = await loading;
    await this.save(key, entry);
    if (this.entries.get(key) === loading) this.entries.delete(key);
  }
}

function prefixOf(topicId: string): string {
  return `producers\0${topicId}\0`;
}

function keyOf(topic: Topic, partition: Partition): string {
  return prefixOf(topic.id) + partition.index;
}

import { PartitionNotAssignedError } from '../delivery-errors.js';
import type { Partition } from '../partition/partition.js';
import { partitionId, type TopicPartition } from './assignment.js';
import type { ConsumerCounters, ConsumerEnvironment } from './consumer-environment.js';
import type { Delivery } from './delivery.js';
import type { DeliveryRecord, GroupPartitionStats, StartFrom } from './group.types.js';
import { offsetOf } from './offset-target.js';
import type { OffsetCommitter } from './offset-committer.js';
import { PartitionConsumer } from './partition-consumer.js';

/** What a member's partitions need, beyond what their consumers need. */
export interface PartitionsEnvironment {
  readonly committer: OffsetCommitter;
  readonly drainTimeoutMs: number;
  /** What consumers share. */
  readonly consuming: ConsumerEnvironment;
  /** The partition, if it can be consumed now. */
  partition(place: TopicPartition): Partition | undefined;
  /** The committed offset; null if there is none. */
  committed(place: TopicPartition): number | null;
  /** Commits one offset now, for the member. */
  commitAt(place: TopicPartition, offset: number, deliveries?: DeliveryRecord): Promise<void>;
}

const COUNTERS = ['received', 'handled', 'failed', 'deadLettered'] as const;

/** The partitions a member owns, each with its consumer. */
export class MemberPartitions {
  private readonly consumers = new Map<string, PartitionConsumer>();
  /** Sums over the partitions that were released. */
  private readonly past: ConsumerCounters = { received: 0, handled: 0, failed: 0, deadLettered: 0 };
  /** Topics and partitions paused by the application, whether this member owns them or not. */
  private readonly paused = new Set<string>();
  /** Seeks in progress. A partition is released only after its seek has ended. */
  private readonly seeking = new Map<string, Promise<void>>();
  /** Partitions being released. A seek is refused here, because it would start the partition again. */
  private readonly leaving = new Set<string>();

  constructor(private readonly environment: PartitionsEnvironment) {}

  get size(): number {
    return this.consumers.size;
  }

  owned(): TopicPartition[] {
    return [...this.consumers.values()].map(({ place }) => place);
  }

  /** Starts work on these partitions, as far as they are open. */
  take(places: readonly TopicPartition[]): void {
    for (const place of places) {
      const partition = this.environment.partition(place);
      if (partition !== undefined && !this.consumers.has(partitionId(place))) this.consume(place, partition);
    }
  }

  /** Waits for running handlers, commits what is done, and releases the partitions. */
  async letGo(places: readonly TopicPartition[]): Promise<void> {
    const ids = places.map(partitionId);
    for (const id of ids) this.leaving.add(id);
    try {
      await this.endWork(places);
    } finally {
      for (const id of ids) this.leaving.delete(id);
    }
  }

  private async endWork(places: readonly TopicPartition[]): Promise<void> {
    if (this.seeking.size > 0) {
      for (const place of places) this.consumers.get(partitionId(place))?.endWaits();
      await Promise.all(places.flatMap((place) => this.seeking.get(partitionId(place)) ?? []));
    }
    const consumers = places.flatMap((place) => this.consumers.get(partitionId(place)) ?? []);
    await Promise.all(consumers.map((consumer) => consumer.stop(this.environment.drainTimeoutMs)));
    for (const consumer of consumers) {
      const { place, progress } = consumer;
      if (progress.history.isNoted) this.environment.committer.done(place, progress.position);
    }
    // Commit before another member starts, or it would start at an older offset.
    if (consumers.length > 0) await this.environment.committer.flush();
    for (const consumer of consumers) this.forget(consumer);
  }

  /** Drops one partition at once: a handler of it hangs, and nothing it still does must be committed. */
  async abandonOne(call: Delivery): Promise<void> {
    const consumer = this.consumers.get(partitionId(call.owner.place));
    if (consumer === undefined) return;
    const { place, progress } = consumer;
    consumer.abandon(call.unanswered);
    this.forget(consumer);
    try {
      await this.environment.commitAt(place, progress.position, progress.deliveries());
    } catch {
      // This interruption is not recorded. The message is delivered again all the same, and later ones are
      // counted.
    }
  }

  /** The delivery state to store beside a committed offset. */
  deliveriesOf(place: TopicPartition): DeliveryRecord | undefined {
    return this.consumers.get(partitionId(place))?.progress.deliveries();
  }

  /**
   * Drops all partitions at once: other members may own them, so nothing that still runs must be committed.
   */
  abandon(): void {
    for (const consumer of this.consumers.values()) {
      consumer.abandon();
      this.forget(consumer);
    }
  }

  pause(topic: string, partition: number | undefined): void {
    this.paused.add(pauseKey(topic, partition));
    for (const consumer of this.consumers.values()) if (this.isPaused(consumer.place)) consumer.pause();
  }

  resume(topic: string, partition: number | undefined): void {
    for (const key of this.paused) {
      if (key === pauseKey(topic, partition) || (partition === undefined && key.startsWith(`${topic}\0`))) {
        this.paused.delete(key);
      }
    }
    for (const consumer of this.consumers.values()) if (!this.isPaused(consumer.place)) consumer.resume();
  }

  async seek(group: string, place: TopicPartition, to: StartFrom): Promise<void> {
    const id = partitionId(place);
    if (this.leaving.has(id)) throw new PartitionNotAssignedError(group, place);
    const change = (this.seeking.get(id) ?? Promise.resolve()).then(() => this.moveTo(group, place, to));
    const settled = change.catch(() => {});
    this.seeking.set(id, settled);
    try {
      await change;
    } finally {
      if (this.seeking.get(id) === settled) this.seeking.delete(id);
    }
  }

  stats(): ConsumerCounters & { lag: number; partitions: GroupPartitionStats[] } {
    const partitions = [...this.consumers.values()].map((consumer) => this.statsOf(consumer));
    const totals = { ...this.past, lag: 0, partitions };
    for (const one of partitions) {
      totals.lag += one.lag;
      for (const field of COUNTERS) totals[field] += one[field];
    }
    return totals;
  }

  private consume(place: TopicPartition, partition: Partition): void {
    const consumer = new PartitionConsumer(place, partition, this.environment.consuming);
    if (this.isPaused(place)) consumer.pause();
    this.consumers.set(partitionId(place), consumer);
    consumer.start();
  }

  private isPaused({ topic, partition }: TopicPartition): boolean {
    return this.paused.has(pauseKey(topic, undefined)) || this.paused.has(pauseKey(topic, partition));
  }

  private async moveTo(group: string, at: TopicPartition, to: StartFrom): Promise<void> {
    const consumer = this.consumers.get(partitionId(at));
    const partition = consumer === undefined ? undefined : this.environment.partition(at);
    if (consumer === undefined || partition === undefined) {
      throw new PartitionNotAssignedError(group, at);
    }
    const { place } = consumer;
    const offset = await offsetOf(partition, to, consumer.ending).catch((error: unknown) => {
      throw consumer.ending.aborted ? new PartitionNotAssignedError(group, at) : error;
    });
    await consumer.stop(this.environment.drainTimeoutMs);
    await this.environment.committer.flush();
    // The member may have been expelled and have joined again in the meantime, and another member may own the
    // partition.
    if (this.consumers.get(partitionId(at)) !== consumer) throw new PartitionNotAssignedError(group, at);
    this.environment.committer.forget(place);
    try {
      await this.environment.commitAt(place, offset);
    } finally {
      // Not if the member was expelled in the meantime.
      if (this.forget(consumer)) this.consume({ ...place }, partition);
    }
  }

  /** False if that was done already. */
  private forget(consumer: PartitionConsumer): boolean {
    const id = partitionId(consumer.place);
    if (this.consumers.get(id) !== consumer) return false;
    this.consumers.delete(id);
    this.environment.committer.forget(consumer.place);
    for (const field of COUNTERS) this.past[field] += consumer.counters[field];
    return true;
  }

  private statsOf({ place, counters, paused }: PartitionConsumer): GroupPartitionStats {
    const { topic, partition } = place;
    const committed = this.environment.committed(place);
    const open = this.environment.partition(place);
    const endOffset = open?.endOffset ?? 0;
    const lag = Math.max(0, endOffset - (committed ?? open?.startOffset ?? 0));
    return { topic, partition, ...counters, paused, committed, endOffset, lag };
  }
}

function pauseKey(topic: string, partition: number | undefined): string {
  return partition === undefined ? topic : `${topic}\0${partition}`;
}

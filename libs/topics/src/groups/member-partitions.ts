import { PartitionNotAssignedError } from '../delivery-errors.js';
import type { Partition } from '../partition/partition.js';
import { partitionId, type TopicPartition } from './assignment.js';
import type { ConsumerCounters, ConsumerEnvironment } from './consumer-environment.js';
import type { Delivery } from './delivery.js';
import type { DeliveryRecord, GroupPartitionStats, StartFrom } from './group.types.js';
import { offsetOf } from './offset-target.js';
import type { OffsetCommitter } from './offset-committer.js';
import { PartitionConsumer } from './partition-consumer.js';

/** What a member's partitions need besides what each of their consumers does. */
export interface PartitionsEnvironment {
  readonly committer: OffsetCommitter;
  readonly drainTimeoutMs: number;
  /** What consumers share; asked for when the first begins. */
  readonly consuming: ConsumerEnvironment;
  /** A partition that can be consumed now. */
  partition(place: TopicPartition): Partition | undefined;
  /** The committed offset, null where there is none. */
  committed(place: TopicPartition): number | null;
  /** Commits one offset now, in the member's name. */
  commitAt(place: TopicPartition, offset: number, deliveries?: DeliveryRecord): Promise<void>;
}

const COUNTERS = ['received', 'handled', 'failed', 'deadLettered'] as const;

/** The partitions a member owns, each with its consumer. */
export class MemberPartitions {
  private readonly consumers = new Map<string, PartitionConsumer>();
  /** Counts of partitions that went to other members. */
  private readonly past: ConsumerCounters = { received: 0, handled: 0, failed: 0, deadLettered: 0 };
  /** Paused by the application, whoever owns them: a topic, or a partition of one. */
  private readonly paused = new Set<string>();
  /** Changes of place under way; a partition is not let go of before its own has ended. */
  private readonly seeking = new Map<string, Promise<void>>();
  /** Being let go of: they cannot change their place any more, or they would begin again there. */
  private readonly leaving = new Set<string>();

  constructor(private readonly environment: PartitionsEnvironment) {}

  get size(): number {
    return this.consumers.size;
  }

  owned(): TopicPartition[] {
    return [...this.consumers.values()].map(({ place }) => place);
  }

  /** Begins work on these partitions, as far as they are open. */
  take(places: readonly TopicPartition[]): void {
    for (const place of places) {
      const partition = this.environment.partition(place);
      if (partition !== undefined && !this.consumers.has(partitionId(place))) this.consume(place, partition);
    }
  }

  /** Waits for the handlers in flight, commits what is done, and lets go. */
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
    // Before another member begins, or it would begin too early.
    if (consumers.length > 0) await this.environment.committer.flush();
    for (const consumer of consumers) this.forget(consumer);
  }

  /** Lets go of one partition at once: a handler of it hangs, and what it still does must not count. */
  async abandonOne(call: Delivery): Promise<void> {
    const consumer = this.consumers.get(partitionId(call.owner.place));
    if (consumer === undefined) return;
    const { place, progress } = consumer;
    consumer.abandon(call.unanswered);
    this.forget(consumer);
    try {
      await this.environment.commitAt(place, progress.position, progress.deliveries());
    } catch {
      // One interruption less is known; the message comes again even so, and others will be counted.
    }
  }

  /** What is to be kept beside an offset that is committed. */
  deliveriesOf(place: TopicPartition): DeliveryRecord | undefined {
    return this.consumers.get(partitionId(place))?.progress.deliveries();
  }

  /** Lets go at once: the partitions may be another's, and what still runs must not count. */
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
    // Expelled meanwhile, the member may be one anew by now, and the partition another's.
    if (this.consumers.get(partitionId(at)) !== consumer) throw new PartitionNotAssignedError(group, at);
    this.environment.committer.forget(place);
    try {
      await this.environment.commitAt(place, offset);
    } finally {
      // Unless the member was expelled meanwhile.
      if (this.forget(consumer)) this.consume({ ...place }, partition);
    }
  }

  /** False where that was done before. */
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

import { randomUUID } from 'node:crypto';
import type { TopicsEvents } from '../events.js';
import type { Partition } from '../partition/partition.js';
import type { Turn } from '../turn.js';
import { partitionId, type TopicPartition } from './assignment.js';
import { Backoff } from './backoff.js';
import { FlightLimiter } from './flight-limiter.js';
import type { GroupCoordinator, GroupMember } from './group-coordinator.js';
import type { GroupOffsets } from './group-offsets.js';
import type { ResolvedGroupOptions } from './group-options.js';
import type { ConsumerGroupState, ConsumerGroupStats, GroupPartitionStats } from './group.types.js';
import { OffsetCommitter } from './offset-committer.js';
import { type ConsumerEnvironment, PartitionConsumer } from './partition-consumer.js';

/** What a member needs of the service. @internal */
export interface GroupEnvironment {
  readonly coordinator: GroupCoordinator;
  readonly offsets: GroupOffsets;
  readonly events: TopicsEvents;
  readonly turn: Turn;
  readonly drainTimeoutMs: number;
  partition(place: TopicPartition): Partition | undefined;
  onStopped(group: ConsumerGroup): void;
}

/** Bytes a member fetches at once over all its partitions, and the bounds for one of them. */
const FETCH_BYTES = 32 * 1024 * 1024;
const MIN_FETCH_BYTES = 64 * 1024;
const MAX_FETCH_BYTES = 1024 * 1024;

/**
 * One running member of a consumer group in this process. Members of the same group share its partitions.
 *
 * @publicApi
 */
export class ConsumerGroup {
  readonly group: string;
  readonly memberId: string;
  private readonly consumers = new Map<string, PartitionConsumer>();
  private readonly committer: OffsetCommitter;
  private readonly flight: FlightLimiter;
  private readonly consuming: ConsumerEnvironment;
  private readonly member: GroupMember;
  private currentState: ConsumerGroupState = 'held';
  private stopped: Promise<void> | undefined;
  /** Counts of partitions that went to other members. */
  private readonly past = { received: 0, handled: 0, failed: 0 };

  /** @internal */
  constructor(
    readonly options: ResolvedGroupOptions,
    private readonly environment: GroupEnvironment,
  ) {
    this.group = options.group;
    this.memberId = `${options.group}-${randomUUID()}`;
    const { offsets, events, turn } = environment;
    this.flight = new FlightLimiter(options.maxInFlight);
    this.committer = new OffsetCommitter(options.group, offsets, events, options.autoCommitIntervalMs);
    this.consuming = {
      group: options.group,
      handler: options.handler,
      batchHandler: options.batchHandler,
      batchSize: options.batchSize,
      flight: this.flight,
      backoff: new Backoff(options.retryBackoff.initialMs, options.retryBackoff.maxMs),
      turn,
      events,
      fetchLimit: () => Math.max(1, Math.floor(options.maxInFlight / Math.max(1, this.consumers.size))),
      fetchBytes: () => {
        const share = Math.floor(FETCH_BYTES / Math.max(1, this.consumers.size));
        return Math.min(MAX_FETCH_BYTES, Math.max(MIN_FETCH_BYTES, share));
      },
      startAt: (partition) => this.startAt(partition),
      done: (place, offset) => this.committer.done(place, offset),
    };
    this.member = {
      memberId: this.memberId,
      topics: options.topics,
      revoke: (partitions) => this.revoke(partitions),
      assign: (partitions) => this.assign(partitions),
    };
  }

  get topics(): readonly string[] {
    return this.options.topics;
  }

  get state(): ConsumerGroupState {
    return this.currentState;
  }

  /** Joins the group and begins to consume. @internal */
  async start(): Promise<void> {
    if (this.currentState !== 'held') return;
    this.currentState = 'running';
    await this.environment.coordinator.join(this.group, this.member);
    this.environment.events.send('group-started', { group: this.group });
  }

  /**
   * Stops fetching, waits for the handlers in flight (at most `drainTimeoutMs`), commits what is done, and leaves the
   * group. Idempotent.
   */
  stop(): Promise<void> {
    return (this.stopped ??= this.leave());
  }

  stats(): ConsumerGroupStats {
    const partitions = [...this.consumers.values()].map((consumer) => this.partitionStats(consumer));
    const sum = (field: 'received' | 'handled' | 'failed') =>
      partitions.reduce((total, partition) => total + partition[field], this.past[field]);
    return {
      group: this.group,
      state: this.currentState,
      received: sum('received'),
      handled: sum('handled'),
      failed: sum('failed'),
      committed: this.committer.commits,
      lag: partitions.reduce((total, { lag }) => total + lag, 0),
      partitions,
    };
  }

  private async leave(): Promise<void> {
    if (this.currentState === 'running') {
      this.currentState = 'stopping';
      await this.environment.coordinator.leave(this.group, this.member);
      await this.committer.close();
      this.environment.events.send('group-stopped', { group: this.group });
    }
    this.currentState = 'stopped';
    this.environment.onStopped(this);
  }

  private assign(places: readonly TopicPartition[]): void {
    for (const place of places) {
      const partition = this.environment.partition(place);
      if (partition === undefined) continue;
      const consumer = new PartitionConsumer(place, partition, this.consuming);
      this.consumers.set(partitionId(place), consumer);
      consumer.start();
    }
  }

  private async revoke(places: readonly TopicPartition[]): Promise<void> {
    const consumers = places.flatMap((place) => this.consumers.get(partitionId(place)) ?? []);
    await Promise.all(consumers.map((consumer) => consumer.stop(this.environment.drainTimeoutMs)));
    // Before another member begins, or it would begin too early.
    await this.committer.flush();
    for (const { place, counters } of consumers) {
      this.committer.forget(place);
      this.consumers.delete(partitionId(place));
      for (const field of ['received', 'handled', 'failed'] as const) this.past[field] += counters[field];
    }
  }

  private async startAt(partition: Partition): Promise<number> {
    const { topic, index } = partition;
    const committed = this.environment.offsets.get(this.group, topic, index);
    if (committed !== null) return committed.offset;
    const offset = this.options.from === 'latest' ? partition.endOffset : partition.startOffset;
    // Kept at once: after a crash `latest` must not mean a later place, which would skip messages.
    await this.environment.offsets.commit(this.group, [{ topic, partition: index, offset }]);
    return offset;
  }

  private partitionStats({ place, counters }: PartitionConsumer): GroupPartitionStats {
    const { topic, partition } = place;
    const committed = this.environment.offsets.get(this.group, topic, partition)?.offset ?? null;
    const open = this.environment.partition(place);
    const endOffset = open?.endOffset ?? 0;
    const lag = Math.max(0, endOffset - (committed ?? open?.startOffset ?? 0));
    return { topic, partition, ...counters, committed, endOffset, lag };
  }
}

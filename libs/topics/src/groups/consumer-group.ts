import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { DeadLetterWriter } from '../dead-letters/dead-letter-writer.js';
import { PartitionNotAssignedError } from '../delivery-errors.js';
import type { TopicsEvents } from '../events.js';
import type { Partition } from '../partition/partition.js';
import type { Turn } from '../turn.js';
import { type AssignmentStrategy, partitionId, type TopicPartition } from './assignment.js';
import { FlightLimiter } from './flight-limiter.js';
import type { GroupCoordinator, GroupMember } from './group-coordinator.js';
import type { GroupOffsets } from './group-offsets.js';
import type { ResolvedGroupOptions } from './group-options.js';
import type {
  ConsumerGroupState,
  ConsumerGroupStats,
  GroupPartitionStats,
  StartFrom,
} from './group.types.js';
import { offsetOf } from './offset-target.js';
import { OffsetCommitter } from './offset-committer.js';
import type { ConsumerEnvironment } from './consumer-environment.js';
import { PartitionConsumer } from './partition-consumer.js';
import { RetryPolicy } from './retry-policy.js';

/** What a member needs of the service. @internal */
export interface GroupEnvironment {
  readonly coordinator: GroupCoordinator;
  readonly offsets: GroupOffsets;
  readonly events: TopicsEvents;
  readonly turn: Turn;
  readonly clock: Clock;
  readonly deadLetters: DeadLetterWriter;
  readonly drainTimeoutMs: number;
  partition(place: TopicPartition): Partition | undefined;
  /** All topics there are. */
  topicNames(): string[];
  onStopped(group: ConsumerGroup): void;
}

/** Bytes a member fetches at once over all its partitions, and the bounds for one of them. */
const FETCH_BYTES = 32 * 1024 * 1024;
const MIN_FETCH_BYTES = 64 * 1024;
const MAX_FETCH_BYTES = 1024 * 1024;

const COUNTERS = ['received', 'handled', 'failed', 'deadLettered'] as const;

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
  private readonly past = { received: 0, handled: 0, failed: 0, deadLettered: 0 };
  /** Paused by the application, whoever owns them: a topic, or a partition of one. */
  private readonly paused = new Set<string>();
  /** Changes of place under way; a partition is not let go of before its own has ended. */
  private readonly seeking = new Map<string, Promise<void>>();

  /** @internal */
  constructor(
    readonly options: ResolvedGroupOptions,
    private readonly environment: GroupEnvironment,
  ) {
    this.group = options.group;
    this.memberId = `${options.group}-${randomUUID()}`;
    const { offsets, events, turn, clock, deadLetters } = environment;
    this.flight = new FlightLimiter(options.maxInFlight);
    this.committer = new OffsetCommitter(options.group, offsets, events, options.autoCommitIntervalMs);
    this.consuming = {
      options,
      flight: this.flight,
      retries: new RetryPolicy(options.retry),
      deadLetters,
      clock,
      turn,
      events,
      fetchLimit: () => Math.max(1, Math.floor(options.maxInFlight / Math.max(1, this.consumers.size))),
      fetchBytes: () => {
        const share = Math.floor(FETCH_BYTES / Math.max(1, this.consumers.size));
        return Math.min(MAX_FETCH_BYTES, Math.max(MIN_FETCH_BYTES, share));
      },
      startAt: (partition) => this.startAt(partition),
      done: (place, offset) => this.committer.done(place, offset),
      commit: () => this.commit(),
    };
    this.member = new Member(this.memberId, this, {
      revoke: (partitions) => this.revoke(partitions),
      assign: (partitions) => this.assign(partitions),
    });
  }

  /** The topics it subscribes to now: those it names, and those that match its patterns. */
  get topics(): readonly string[] {
    const { topics, patterns } = this.options;
    if (patterns.length === 0) return topics;
    const matching = this.environment
      .topicNames()
      .filter((name) => patterns.some((pattern) => name.search(pattern) >= 0));
    return [...new Set([...topics, ...matching])];
  }

  get state(): ConsumerGroupState {
    return this.currentState;
  }

  /** Joins the group and begins to consume. @internal */
  async start(): Promise<void> {
    if (this.currentState !== 'held') return;
    this.currentState = 'running';
    try {
      await this.environment.coordinator.join(this.group, this.member);
    } catch (error) {
      this.currentState = 'stopped';
      throw error;
    }
    this.environment.events.send('group-started', { group: this.group });
  }

  /**
   * Stops fetching, waits for the handlers in flight (at most `drainTimeoutMs`), commits what is done, and leaves the
   * group. Idempotent.
   */
  stop(): Promise<void> {
    return (this.stopped ??= this.leave());
  }

  /**
   * Commits what is done by now.
   * @throws what the store says
   */
  commit(): Promise<void> {
    return this.committer.commitNow();
  }

  /** Handles nothing more of a topic, or of one partition, until {@link resume}; also if it is assigned later. */
  pause(topic: string, partition?: number): void {
    this.paused.add(pauseKey(topic, partition));
    for (const consumer of this.consumers.values()) if (this.isPaused(consumer.place)) consumer.pause();
  }

  /** Ends {@link pause}. A topic that is resumed has none of its partitions paused. */
  resume(topic: string, partition?: number): void {
    for (const key of this.paused) {
      if (key === pauseKey(topic, partition) || (partition === undefined && key.startsWith(`${topic}\0`))) {
        this.paused.delete(key);
      }
    }
    for (const consumer of this.consumers.values()) if (!this.isPaused(consumer.place)) consumer.resume();
  }

  /**
   * Goes on at another place of a partition that this member owns, and commits it. Handlers in flight end first; an
   * offset out of range becomes the nearest end. Not to be awaited inside a handler of the partition.
   * @throws `PARTITION_NOT_ASSIGNED`, `INVALID_GROUP`, or what the store says
   */
  async seek(topic: string, partition: number, to: StartFrom): Promise<void> {
    const id = partitionId({ topic, partition });
    const change = (this.seeking.get(id) ?? Promise.resolve()).then(() => this.moveTo(topic, partition, to));
    const settled = change.catch(() => {});
    this.seeking.set(id, settled);
    try {
      await change;
    } finally {
      if (this.seeking.get(id) === settled) this.seeking.delete(id);
    }
  }

  stats(): ConsumerGroupStats {
    const partitions = [...this.consumers.values()].map((consumer) => this.partitionStats(consumer));
    const sum = (field: (typeof COUNTERS)[number]) =>
      partitions.reduce((total, partition) => total + partition[field], this.past[field]);
    return {
      group: this.group,
      state: this.currentState,
      received: sum('received'),
      handled: sum('handled'),
      failed: sum('failed'),
      deadLettered: sum('deadLettered'),
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
      if (partition !== undefined) this.consume(place, partition);
    }
  }

  private consume(place: TopicPartition, partition: Partition): void {
    const consumer = new PartitionConsumer(place, partition, this.consuming);
    if (this.isPaused(place)) consumer.pause();
    this.consumers.set(partitionId(place), consumer);
    consumer.start();
  }

  private isPaused({ topic, partition }: TopicPartition): boolean {
    return this.paused.has(pauseKey(topic, undefined)) || this.paused.has(pauseKey(topic, partition));
  }

  private async moveTo(topic: string, index: number, to: StartFrom): Promise<void> {
    const id = partitionId({ topic, partition: index });
    const consumer = this.consumers.get(id);
    const partition = consumer === undefined ? undefined : this.environment.partition(consumer.place);
    if (consumer === undefined || partition === undefined) {
      throw new PartitionNotAssignedError(this.group, topic, index);
    }
    const offset = await offsetOf(partition, to);
    await consumer.stop(this.environment.drainTimeoutMs);
    await this.committer.flush();
    this.committer.forget(consumer.place);
    this.count(consumer);
    try {
      await this.environment.offsets.commit(this.group, [{ topic, partition: index, offset }]);
    } finally {
      this.consume(consumer.place, partition);
    }
  }

  private count({ counters }: PartitionConsumer): void {
    for (const field of COUNTERS) this.past[field] += counters[field];
  }

  private async revoke(places: readonly TopicPartition[]): Promise<void> {
    if (this.seeking.size > 0)
      await Promise.all(places.flatMap((place) => this.seeking.get(partitionId(place)) ?? []));
    const consumers = places.flatMap((place) => this.consumers.get(partitionId(place)) ?? []);
    await Promise.all(consumers.map((consumer) => consumer.stop(this.environment.drainTimeoutMs)));
    // Before another member begins, or it would begin too early.
    await this.committer.flush();
    for (const consumer of consumers) {
      this.committer.forget(consumer.place);
      this.consumers.delete(partitionId(consumer.place));
      this.count(consumer);
    }
  }

  private async startAt(partition: Partition): Promise<number> {
    const { topic, index } = partition;
    const committed = this.environment.offsets.get(this.group, topic, index);
    if (committed !== null) return committed.offset;
    const offset = await offsetOf(partition, this.options.from);
    // Kept at once: after a crash `latest` must not mean a later place, which would skip messages.
    await this.environment.offsets.commit(this.group, [{ topic, partition: index, offset }]);
    return offset;
  }

  private partitionStats({ place, counters, paused }: PartitionConsumer): GroupPartitionStats {
    const { topic, partition } = place;
    const committed = this.environment.offsets.get(this.group, topic, partition)?.offset ?? null;
    const open = this.environment.partition(place);
    const endOffset = open?.endOffset ?? 0;
    const lag = Math.max(0, endOffset - (committed ?? open?.startOffset ?? 0));
    return { topic, partition, ...counters, paused, committed, endOffset, lag };
  }
}

function pauseKey(topic: string, partition: number | undefined): string {
  return partition === undefined ? topic : `${topic}\0${partition}`;
}

/** The group as the coordinator sees it. */
class Member implements GroupMember {
  readonly revoke: GroupMember['revoke'];
  readonly assign: GroupMember['assign'];

  constructor(
    readonly memberId: string,
    private readonly group: ConsumerGroup,
    { revoke, assign }: Pick<GroupMember, 'revoke' | 'assign'>,
  ) {
    this.revoke = revoke;
    this.assign = assign;
  }

  get topics(): readonly string[] {
    return this.group.topics;
  }

  get strategy(): AssignmentStrategy {
    return this.group.options.assignment;
  }
}

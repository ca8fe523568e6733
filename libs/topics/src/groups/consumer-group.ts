import type { Clock } from '../clock.js';
import type { DeadLetterWriter } from '../dead-letters/dead-letter-writer.js';
import type { TopicsEvents } from '../events.js';
import type { Partition } from '../partition/partition.js';
import { ProcessHold } from '../process-hold.js';
import type { Turn } from '../turn.js';
import type { TopicPartition } from './assignment.js';
import type { ConsumerEnvironment } from './consumer-environment.js';
import type { GroupCoordinator } from './coordinator/group-coordinator.js';
import type { StartPlace } from './delivery-history.js';
import { FlightLimiter } from './flight-limiter.js';
import { HandlerLimit } from './handler-limit.js';
import type { GroupOffsets } from './group-offsets.js';
import type { ResolvedGroupOptions } from './group-options.js';
import type {
  ConsumerGroupState,
  ConsumerGroupStats,
  MemberCommit,
  OffsetCommit,
  StartFrom,
} from './group.types.js';
import type { LocalMembers } from './local-members.js';
import { MemberPartitions } from './member-partitions.js';
import { MemberSession } from './member-session.js';
import { offsetOf } from './offset-target.js';
import { OffsetCommitter } from './offset-committer.js';
import { RetryPolicy } from './retry-policy.js';
import type { SuspectCalls } from './suspect-calls.js';

/** What a member needs from the service. @internal */
export interface GroupEnvironment {
  readonly coordinator: GroupCoordinator;
  readonly members: LocalMembers;
  readonly offsets: GroupOffsets;
  readonly events: TopicsEvents;
  readonly turn: Turn;
  readonly suspects: SuspectCalls;
  readonly clock: Clock;
  readonly deadLetters: DeadLetterWriter;
  readonly drainTimeoutMs: number;
  /** The partition, if it can be consumed now. */
  partition(place: TopicPartition): Partition | undefined;
  /** Number of partitions of a topic that can be consumed now. */
  partitionsOf(topic: string): number;
  /** Names of all topics. */
  topicNames(): string[];
  onStopped(group: ConsumerGroup): void;
}

/** Bytes a member fetches at once over all its partitions, and the bounds for each partition's share. */
const FETCH_BYTES = 32 * 1024 * 1024;
const MIN_FETCH_BYTES = 64 * 1024;
const MAX_FETCH_BYTES = 1024 * 1024;

/**
 * One member of a consumer group in this process. The members of a group divide its partitions among
 * themselves. The process stays alive while a member runs.
 *
 * @publicApi
 */
export class ConsumerGroup {
  /** Name of the group. */
  readonly group: string;
  private readonly committer: OffsetCommitter;
  private readonly partitions: MemberPartitions;
  private readonly session: MemberSession;
  /** Set if `handlerTimeoutMs` limits the handlers. */
  private readonly limit: HandlerLimit | undefined;
  private currentState: ConsumerGroupState = 'held';
  private stopped: Promise<void> | undefined;
  private hold: ProcessHold | undefined;

  /** @internal */
  constructor(
    readonly options: ResolvedGroupOptions,
    private readonly environment: GroupEnvironment,
  ) {
    const { group, autoCommitIntervalMs } = options;
    const { offsets, events, drainTimeoutMs } = environment;
    this.group = group;
    this.limit = options.handlerTimeoutMs === 0 ? undefined : this.limitOf(options.handlerTimeoutMs);
    const commit = (commits: readonly OffsetCommit[]) =>
      this.commitOffsets(commits.map((one) => ({ ...one, deliveries: this.partitions.deliveriesOf(one) })));
    const committer = (this.committer = new OffsetCommitter(group, commit, events, autoCommitIntervalMs));
    const partitions = (this.partitions = new MemberPartitions({
      committer,
      drainTimeoutMs,
      consuming: this.consuming(),
      partition: (place) => environment.partition(place),
      committed: ({ topic, partition }) => offsets.get(group, topic, partition)?.offset ?? null,
      commitAt: (place, offset, deliveries) => this.commitOffsets([{ ...place, offset, deliveries }]),
    }));
    this.session = new MemberSession(options, environment, {
      topics: () => this.topics,
      subscribesTo: (topic) => options.topics.includes(topic) || this.matches(topic),
      owned: () => partitions.owned(),
      take: (places) => partitions.take(places),
      letGo: (places) => partitions.letGo(places),
      abandon: () => partitions.abandon(),
    });
  }

  /** The member's id in its group. It changes when the group expels the member and it joins again. */
  get memberId(): string {
    return this.session.memberId;
  }

  /** The topics the member subscribes to now: those given by name, and existing ones that match a pattern. */
  get topics(): readonly string[] {
    const { topics, patterns } = this.options;
    if (patterns.length === 0) return topics;
    const matching = this.environment.topicNames().filter((name) => this.matches(name));
    return [...new Set([...topics, ...matching])];
  }

  /** Whether this member waits for the bootstrap, runs, is draining, or has stopped. */
  get state(): ConsumerGroupState {
    return this.currentState;
  }

  /** Joins the group and starts consuming. @internal */
  async start(): Promise<void> {
    if (this.currentState !== 'held') return;
    this.currentState = 'running';
    this.hold = new ProcessHold();
    this.environment.members.add(this.session);
    try {
      await this.session.start();
    } catch (error) {
      this.environment.members.delete(this.session);
      this.currentState = 'stopped';
      this.hold.release();
      throw error;
    }
    this.environment.events.send('group-started', { group: this.group, memberId: this.memberId });
  }

  /**
   * Stops the member: stops fetching, waits up to `drainTimeoutMs` for running handlers, commits what is
   * done, and leaves the group. With an `instanceId` the group keeps its place for `sessionTimeoutMs`.
   * Idempotent.
   */
  stop(): Promise<void> {
    return (this.stopped ??= this.leave().finally(() => this.hold?.release()));
  }

  /**
   * Commits what is done so far.
   * @throws `UNKNOWN_MEMBER` if the group has expelled the member, or the store's error
   */
  commit(): Promise<void> {
    return this.committer.commitNow();
  }

  /**
   * Pauses consumption of a topic, or of one partition, until {@link resume}. Running handlers continue.
   * Partitions assigned later are paused too.
   */
  pause(topic: string, partition?: number): void {
    this.partitions.pause(topic, partition);
  }

  /** Ends {@link pause}. Resuming a topic also resumes partitions of it that were paused one by one. */
  resume(topic: string, partition?: number): void {
    this.partitions.resume(topic, partition);
  }

  /**
   * Moves to another position in a partition that this member owns, and commits it. It first waits for
   * running handlers, up to `drainTimeoutMs`. An offset out of range becomes the nearest end of the log. Do
   * not await this in a handler of the same partition.
   * @throws `PARTITION_NOT_ASSIGNED` (also while the partition moves to another member or its topic closes),
   *   `INVALID_GROUP`, or the store's error
   */
  async seek(topic: string, partition: number, to: StartFrom): Promise<void> {
    await this.partitions.seek(this.group, { topic, partition }, to);
  }

  /** Counters of this member and of the partitions it owns now. */
  stats(): ConsumerGroupStats {
    return {
      group: this.group,
      state: this.currentState,
      committed: this.committer.commits,
      ...this.partitions.stats(),
    };
  }

  private async leave(): Promise<void> {
    if (this.currentState === 'running') {
      this.currentState = 'stopping';
      this.limit?.end();
      this.session.close();
      await this.partitions.letGo(this.partitions.owned());
      await this.committer.close();
      this.session.leave();
      this.environment.members.delete(this.session);
      await this.environment.members.shared(this.group);
      this.environment.events.send('group-stopped', { group: this.group, memberId: this.memberId });
    }
    this.currentState = 'stopped';
    this.environment.onStopped(this);
  }

  private matches(topic: string): boolean {
    return this.options.patterns.some((pattern) => topic.search(pattern) >= 0);
  }

  /** Checks the membership first: once the member is expelled, others may own its partitions. */
  private async commitOffsets(commits: readonly MemberCommit[]): Promise<void> {
    this.session.assertMayCommit();
    await this.environment.offsets.commit(this.group, commits);
  }

  private limitOf(timeoutMs: number): HandlerLimit {
    const { clock, events, coordinator } = this.environment;
    const { group } = this;
    return new HandlerLimit(group, timeoutMs, clock, events, {
      memberId: () => this.memberId,
      groupSize: () => coordinator.memberCount(group),
      withdraw: (hanging, error) => {
        const counted = this.partitions.abandonOne(hanging);
        return this.session.withdraw(error, counted);
      },
      comeBack: () => this.session.comeBack(),
    });
  }

  private consuming(): ConsumerEnvironment {
    const { options } = this;
    const { events, turn, suspects, clock, deadLetters } = this.environment;
    const share = (whole: number) => Math.floor(whole / Math.max(1, this.partitions.size));
    return {
      options,
      flight: new FlightLimiter(options.maxInFlight),
      retries: new RetryPolicy(options.retry),
      deadLetters,
      clock,
      turn,
      suspects,
      events,
      watch: this.limit?.watch,
      fetchLimit: () => Math.max(1, share(options.maxInFlight)),
      fetchBytes: () => Math.min(MAX_FETCH_BYTES, Math.max(MIN_FETCH_BYTES, share(FETCH_BYTES))),
      startAt: (partition, signal) => this.startAt(partition, signal),
      done: (place, offset) => this.committer.done(place, offset),
      commit: () => this.commit(),
    };
  }

  private async startAt(partition: Partition, signal: AbortSignal): Promise<StartPlace> {
    const { topic, index } = partition;
    const committed = this.environment.offsets.get(this.group, topic, index);
    if (committed !== null) {
      const { deliveries } = committed;
      return { offset: Math.min(committed.offset, partition.endOffset), deliveries };
    }
    const offset = await offsetOf(partition, this.options.from, signal);
    // Committed at once: after a crash, `latest` would resolve to a later offset and skip messages.
    await this.commitOffsets([{ topic, partition: index, offset }]);
    return { offset };
  }
}

import type { MemberIdentity } from './coordinator/membership.types.js';
import type { StartFrom } from './consumer-group-options.types.js';

export type { AssignmentStrategy } from './assignment.js';
export type * from './consumer-group-options.types.js';

/** State of a member. `held`: it waits for the application's bootstrap. */
export type ConsumerGroupState = 'held' | 'running' | 'stopping' | 'stopped';

/** What a member has done in a partition since the partition was assigned to it. */
export interface GroupPartitionStats {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** Messages read for the handler. */
  readonly received: number;
  /** Messages done. */
  readonly handled: number;
  /** Failed tries. */
  readonly failed: number;
  /** Messages that were given up on: moved to the dead-letter topic, or skipped. */
  readonly deadLettered: number;
  /** Whether consumption is paused. */
  readonly paused: boolean;
  /** Committed offset: the next one to handle after a restart. Null if nothing is committed yet. */
  readonly committed: number | null;
  /** The offset the next published message will get. */
  readonly endOffset: number;
  /**
   * Number of offsets from the committed offset to the end, or from the start of the partition if nothing is
   * committed.
   */
  readonly lag: number;
}

/** Counters of a member since it started. */
export interface ConsumerGroupStats {
  /** Name of the group. */
  readonly group: string;
  /** Whether this member waits for the bootstrap, runs, is draining, or has stopped. */
  readonly state: ConsumerGroupState;
  /** Messages read for the handler. */
  readonly received: number;
  /** Messages done. */
  readonly handled: number;
  /** Failed tries. */
  readonly failed: number;
  /** Messages that were given up on: moved to the dead-letter topic, or skipped. */
  readonly deadLettered: number;
  /** Offsets committed: one per partition in each commit. */
  readonly committed: number;
  /** Sum of the partitions' `lag`. */
  readonly lag: number;
  /** The partitions the member owns now. */
  readonly partitions: readonly GroupPartitionStats[];
}

/**
 * State of a group. `empty`: it has committed offsets and no members. `stable`: every member has its
 * assignment. `rebalancing`: partitions are being assigned.
 */
export type GroupState = 'empty' | 'rebalancing' | 'stable';

/** Summary of a group. */
export interface GroupSummary {
  /** Its name. */
  readonly group: string;
  /** Whether the group has members, and whether all of them have their assignment. */
  readonly state: GroupState;
  /** Number of members. */
  readonly members: number;
  /** Names of the topics in which the group has committed offsets or to which a member subscribes, sorted. */
  readonly topics: readonly string[];
}

/** A member of a group. */
export interface GroupMemberDescription {
  /** The member's id; it changes with every start. */
  readonly memberId: string;
  /** Instance id of a static member, null for a dynamic one. */
  readonly instanceId: string | null;
  /** The client id the member states; `genrocks` for members in this process. */
  readonly clientId: string;
  /** The address of a client, or `in-process`. */
  readonly clientHost: string;
  /** The partitions in its latest assignment. */
  readonly assignment: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

/** Progress of a group in a partition. */
export interface GroupOffsetDescription {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** The next offset to handle; null if nothing is committed yet. */
  readonly committed: number | null;
  /** Metadata as committed; empty if there is none. */
  readonly metadata: string;
  /** The offset the next published message will get; the committed offset if the topic is not running. */
  readonly endOffset: number;
  /**
   * Number of offsets from the committed offset to the end, or from the start of the partition if nothing is
   * committed.
   */
  readonly lag: number;
  /** The member that owns the partition, null if none does. */
  readonly memberId: string | null;
}

/** A group with its members and offsets. */
export interface GroupDescription extends Omit<GroupSummary, 'members'> {
  /** Increases with every rebalance. 0 if the group has had no member since the start. */
  readonly generation: number;
  /** Members in this process, and Kafka clients. */
  readonly members: readonly GroupMemberDescription[];
  /**
   * Every partition in which the group has a committed offset, and every partition of the topics its members
   * subscribe to.
   */
  readonly offsets: readonly GroupOffsetDescription[];
  /** Sum of the partitions' `lag`. */
  readonly lag: number;
}

/** An offset to commit. */
export interface OffsetCommit {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** The next offset to handle: the offset of the last message done, plus 1. */
  readonly offset: number;
  /** Any text, stored as given; at most 4,096 bytes of UTF-8. Default: empty. */
  readonly metadata?: string;
  /**
   * The leader epoch of the last handled message, for clients that send one; stored as given. Default: none.
   */
  readonly leaderEpoch?: number;
}

/** What a group has committed in a partition. */
export interface CommittedOffset {
  /** The next offset to handle. */
  readonly offset: number;
  /** Metadata as committed; empty if there is none. */
  readonly metadata: string;
  /** Leader epoch as committed; absent if there is none. */
  readonly leaderEpoch?: number;
  /** Time of the commit, in milliseconds since 1970. */
  readonly timestamp: number;
  /**
   * The offset lay past the end of the partition when it was committed, so it proves nothing about how far
   * the log reached.
   */
  readonly isBeyondEnd?: true;
  /** @internal */
  readonly deliveries?: DeliveryRecord;
}

/** A message that was tried and is not done yet. @internal */
export interface TriedMessage {
  /** Its offset in the partition. */
  readonly offset: number;
  /** Failed tries. */
  readonly failed: number;
  /** Tries that hung, or during which the process ended. */
  readonly interrupted: number;
  /**
   * Interrupted tries during which no other suspect message was in a handler; see `SuspectCalls`. Default 0.
   */
  readonly alone?: number;
  /** When the first try failed or was interrupted, in milliseconds since 1970. */
  readonly firstFailedAt: number;
}

/** Delivery state that is stored beside a committed offset. @internal */
export interface DeliveryRecord {
  /**
   * A member is handling the partition. If this is found at a start, that member ended without releasing it.
   */
  readonly inHand?: boolean;
  /** Messages that were tried and are not done yet. */
  readonly tries?: readonly TriedMessage[];
}

/** A commit by a member in this process. @internal */
export interface MemberCommit extends OffsetCommit {
  /** Delivery state to store beside the offset. */
  readonly deliveries?: DeliveryRecord | undefined;
}

/** How offsets are committed. */
export interface CommitOffsetsOptions {
  /**
   * The member that commits, with its generation. Default: none, which is allowed only for a group without
   * members.
   */
  readonly member?: MemberIdentity;
  /**
   * Accept offsets past the end of a partition, as Kafka does. Default false: they fail with
   * `OFFSET_OUT_OF_RANGE`.
   */
  readonly allowBeyondEnd?: boolean;
}

/** Which offsets of a group to move, and where. */
export interface ResetOffsetsOptions {
  /** Topics to reset. Default: every topic in which the group has offsets or to which a member subscribes. */
  topics?: readonly string[];
  /** Only this partition of each topic. Default: all partitions. */
  partition?: number;
  /** Where the group continues. A position outside the log becomes the nearest end of it. */
  to: StartFrom;
  /** Return what would be committed, without committing it. Default false. */
  dryRun?: boolean;
}

import type { MemberIdentity } from './coordinator/membership.types.js';
import type { StartFrom } from './consumer-group-options.types.js';

export type { AssignmentStrategy } from './assignment.js';
export type * from './consumer-group-options.types.js';

/** `held`: waits for the application's bootstrap. */
export type ConsumerGroupState = 'held' | 'running' | 'stopping' | 'stopped';

/** What a member has done of a partition since it was given it. */
export interface GroupPartitionStats {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** Messages that were read for the handler. */
  readonly received: number;
  /** Messages that are done. */
  readonly handled: number;
  /** Tries that failed. */
  readonly failed: number;
  /** Messages that went to the dead-letter topic, or were skipped. */
  readonly deadLettered: number;
  /** Nothing more of it is handled until it is resumed. */
  readonly paused: boolean;
  /** Committed offset: the next one to handle after a restart. Null where nothing was committed yet. */
  readonly committed: number | null;
  /** The offset that the next message published will have. */
  readonly endOffset: number;
  /** Offsets from the committed one, or from the partition's first where there is none, to the end. */
  readonly lag: number;
}

/** What a member has done since it started. */
export interface ConsumerGroupStats {
  /** Name of the group. */
  readonly group: string;
  /** Whether this member waits for the bootstrap, runs, drains, or has left its group. */
  readonly state: ConsumerGroupState;
  /** Messages that were read for the handler. */
  readonly received: number;
  /** Messages that are done. */
  readonly handled: number;
  /** Tries that failed. */
  readonly failed: number;
  /** Messages that went to the dead-letter topic, or were skipped. */
  readonly deadLettered: number;
  /** Offsets committed: one for each partition of a commit. */
  readonly committed: number;
  /** Sum of the `lag` of its partitions. */
  readonly lag: number;
  /** Those that the member owns now. */
  readonly partitions: readonly GroupPartitionStats[];
}

/** `empty`: offsets only. `stable`: members own their partitions. `rebalancing`: partitions change hands. */
export type GroupState = 'empty' | 'rebalancing' | 'stable';

/** A group, in short. */
export interface GroupSummary {
  /** Its name. */
  readonly group: string;
  /** Whether it has members, and whether all of them have their share. */
  readonly state: GroupState;
  /** How many members it has. */
  readonly members: number;
  /** Names of those it has committed offsets of, or that a member subscribes to, sorted. */
  readonly topics: readonly string[];
}

/** A member of a group. */
export interface GroupMemberDescription {
  /** Made by the coordinator; another one after each start. */
  readonly memberId: string;
  /** The name of a static member, null for others. */
  readonly instanceId: string | null;
  /** What the member calls itself; `genrocks` inside this process. */
  readonly clientId: string;
  /** Where it is: the address of a client, or `in-process`. */
  readonly clientHost: string;
  /** The partitions it was given last. */
  readonly assignment: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

/** How far a group is in a partition. */
export interface GroupOffsetDescription {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** The next offset to handle; null where nothing was committed yet. */
  readonly committed: number | null;
  /** As it was committed; empty for none. */
  readonly metadata: string;
  /** The offset that the next message published will have; of a topic that does not run, the committed one. */
  readonly endOffset: number;
  /** Offsets from the committed one, or from the partition's first where there is none, to the end. */
  readonly lag: number;
  /** The member that owns the partition, null where nobody does. */
  readonly memberId: string | null;
}

/** A group with its members and offsets. */
export interface GroupDescription extends Omit<GroupSummary, 'members'> {
  /** Counts up whenever partitions are shared out anew. 0 where there was no member since the start. */
  readonly generation: number;
  /** Those of this process, and Kafka clients. */
  readonly members: readonly GroupMemberDescription[];
  /** Of each partition that the group has a committed offset of, or that belongs to a topic a member subscribes to. */
  readonly offsets: readonly GroupOffsetDescription[];
  /** Sum of the `lag` of its partitions. */
  readonly lag: number;
}

/** An offset to commit. */
export interface OffsetCommit {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** The next offset to handle: that of the last message which is done, plus 1. */
  readonly offset: number;
  /** Any text, kept as given; at most 4,096 bytes of UTF-8. Default: empty. */
  readonly metadata?: string;
  /** The leader epoch of the last message that was handled, for clients that tell one; kept as given. Default: none. */
  readonly leaderEpoch?: number;
}

/** What a group has committed of a partition. */
export interface CommittedOffset {
  /** The next offset to handle. */
  readonly offset: number;
  /** As it was committed; empty for none. */
  readonly metadata: string;
  /** As it was committed; absent where none was. */
  readonly leaderEpoch?: number;
  /** When it was committed, in milliseconds since 1970. */
  readonly timestamp: number;
  /** The partition did not reach that far when it was committed: it proves nothing about the log. */
  readonly isBeyondEnd?: true;
  /** @internal */
  readonly deliveries?: DeliveryRecord;
}

/** A message that was tried and is not done. @internal */
export interface TriedMessage {
  /** Its offset in the partition. */
  readonly offset: number;
  /** Tries that failed. */
  readonly failed: number;
  /** Tries that ended with their process, or hung. */
  readonly interrupted: number;
  /** Those of them in which no other message was in doubt: see `SuspectCalls`. Default 0. */
  readonly alone?: number;
  /** Milliseconds since 1970. */
  readonly firstFailedAt: number;
}

/** What is known of the deliveries behind a committed offset. @internal */
export interface DeliveryRecord {
  /** A member handles the partition. Where nobody does, one ended without letting go of it. */
  readonly inHand?: boolean;
  /** Messages that were tried and are not done. */
  readonly tries?: readonly TriedMessage[];
}

/** What a member of this process commits. @internal */
export interface MemberCommit extends OffsetCommit {
  /** What is known of the deliveries behind it. */
  readonly deliveries?: DeliveryRecord | undefined;
}

/** How offsets are committed. */
export interface CommitOffsetsOptions {
  /** The member that commits, in its generation. Default: none, for a group without members. */
  readonly member?: MemberIdentity;
  /** Take offsets past the end of a partition, as Kafka does. Default false: they are refused with `OFFSET_OUT_OF_RANGE`. */
  readonly allowBeyondEnd?: boolean;
}

/** Which offsets of a group to move, and where to. */
export interface ResetOffsetsOptions {
  /** Default: every topic the group has offsets of, or a member subscribes to. */
  topics?: readonly string[];
  /** Only this partition of the topics. Default: all. */
  partition?: number;
  /** Where the group goes on; what lies outside of the log is the nearest end of it. */
  to: StartFrom;
  /** Only tell what would be committed. Default false. */
  dryRun?: boolean;
}

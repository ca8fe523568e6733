import type { Message } from '../message.js';

/** What a handler is told besides its message. */
export interface HandlerContext {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** 1 for the first try, counting up with every retry. */
  readonly attempt: number;
  /** Aborts when the group stops and the time to drain is over: give up then, the message comes again. */
  readonly signal: AbortSignal;
}

export type MessageHandler<T = unknown> = (message: Message<T>, context: HandlerContext) => unknown;
export type BatchHandler<T = unknown> = (messages: Message<T>[], context: HandlerContext) => unknown;

export interface ConsumerGroupOptions<T = unknown> {
  /** Name of the group; offsets are kept under it. 1 to 255 characters, no control characters. */
  group: string;
  topics: readonly string[];
  /** Called with one message at a time per partition; the offset is committed after it returns or resolves. */
  handler?: MessageHandler<T>;
  /** Instead of `handler`: called with up to `batchSize` messages of one partition. */
  batchHandler?: BatchHandler<T>;
  /** Messages a batch handler gets at most. Default 100. */
  batchSize?: number;
  /** Where a partition without a committed offset begins. Default `earliest`. */
  from?: 'earliest' | 'latest';
  /** Handled offsets are committed this often, in milliseconds; 0 is at once. Default 100. */
  autoCommitIntervalMs?: number;
  /** Messages this member holds at most, over all its partitions. Default 1,000. */
  maxInFlight?: number;
  /** Pause before a failed message is tried again; doubles from try to try, with jitter. */
  retryBackoff?: { initialMs?: number; maxMs?: number };
}

/** `held`: waits for the application's bootstrap. */
export type ConsumerGroupState = 'held' | 'running' | 'stopping' | 'stopped';

export interface GroupPartitionStats {
  readonly topic: string;
  readonly partition: number;
  readonly received: number;
  readonly handled: number;
  readonly failed: number;
  /** Committed offset: the next one to handle after a restart. Null where nothing was committed yet. */
  readonly committed: number | null;
  readonly endOffset: number;
  readonly lag: number;
}

export interface ConsumerGroupStats {
  readonly group: string;
  readonly state: ConsumerGroupState;
  /** Messages fetched, handled, and tries that failed, since this member started. */
  readonly received: number;
  readonly handled: number;
  readonly failed: number;
  /** Offsets committed since this member started. */
  readonly committed: number;
  /** Messages between the committed offsets and the ends of the member's partitions. */
  readonly lag: number;
  readonly partitions: readonly GroupPartitionStats[];
}

/** `empty`: offsets only. `stable`: members own their partitions. `rebalancing`: partitions change hands. */
export type GroupState = 'empty' | 'rebalancing' | 'stable';

export interface GroupSummary {
  readonly group: string;
  readonly state: GroupState;
  readonly members: number;
  readonly topics: readonly string[];
}

export interface GroupMemberDescription {
  readonly memberId: string;
  readonly assignment: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

export interface GroupOffsetDescription {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number | null;
  readonly metadata: string;
  readonly endOffset: number;
  readonly lag: number;
  /** The member that owns the partition, null where nobody does. */
  readonly memberId: string | null;
}

export interface GroupDescription extends Omit<GroupSummary, 'members'> {
  readonly generation: number;
  readonly members: readonly GroupMemberDescription[];
  readonly offsets: readonly GroupOffsetDescription[];
  readonly lag: number;
}

export interface OffsetCommit {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to handle. */
  readonly offset: number;
  /** Any text, kept as given; at most 4,096 bytes. */
  readonly metadata?: string;
}

export interface CommittedOffset {
  readonly offset: number;
  readonly metadata: string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

export interface ResetOffsetsOptions {
  /** Default: every topic the group has offsets of. */
  topics?: readonly string[];
  /** Only this partition of the topics. Default: all. */
  partition?: number;
  to: 'earliest' | 'latest' | { readonly offset: number } | { readonly timestamp: number };
  /** Only tell what would be committed. Default false. */
  dryRun?: boolean;
}

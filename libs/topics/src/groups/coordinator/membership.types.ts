import type { TopicsError } from '../../errors.js';

/**
 * States of a group in the classic protocol.
 * - `Empty`: it has no members.
 * - `PreparingRebalance`: members are joining.
 * - `CompletingRebalance`: members have joined and wait for the leader's assignment.
 * - `Stable`: every member has its assignment.
 * - `Dead`: the group is gone; a new group may take its name.
 */
export type MembershipState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/** An assignment protocol that a member supports, with the member's metadata for the leader. */
export interface MemberProtocol {
  /** Name of the assignment protocol, such as `range`. */
  readonly name: string;
  /** The member's subscription, encoded as this protocol defines. */
  readonly metadata: Buffer;
}

/**
 * A member inside this process. It needs no heartbeats: it lives as long as the process, and the coordinator
 * calls it where a remote member has to poll.
 */
export interface LocalMember {
  /**
   * A rebalance has begun and the member must join it. The coordinator calls this in the middle of a state
   * change, so the member must not call back synchronously.
   */
  rebalancing(): void;
  /** The member was removed, and its partitions go to others. */
  removed(error: TopicsError): void;
  /**
   * Whether the member must release its partitions before they are assigned by this protocol. If so, its join
   * fails with `REBALANCE_IN_PROGRESS` and the other members wait until it joins again.
   */
  mustLetGo(protocol: string): boolean;
}

/** A request to join a group. */
export interface JoinRequest {
  /** '' for a new member. A local member chooses its own id. */
  readonly memberId: string;
  /** Identifies a static member across restarts; null for a dynamic member. */
  readonly groupInstanceId: string | null;
  /**
   * The member is removed after this long without a heartbeat, in milliseconds. Applies to a local member
   * only while it is suspended.
   */
  readonly sessionTimeoutMs: number;
  /**
   * How long a rebalance waits for members to join, in milliseconds; the longest timeout in the group counts.
   * Negative: as long as the session timeout.
   */
  readonly rebalanceTimeoutMs: number;
  /** `consumer`, or another name that all members of the group give. Not empty. */
  readonly protocolType: string;
  /** Supported assignment protocols, most preferred first; 1 to 100, at most 1 MiB in total. */
  readonly protocols: readonly MemberProtocol[];
  /** The client id the member states. */
  readonly clientId: string;
  /** The address of the member. */
  readonly clientHost: string;
  /**
   * Whether a new dynamic member is refused with `MEMBER_ID_REQUIRED` first. The error carries its id, with
   * which it joins in a second request.
   */
  readonly needsKnownId: boolean;
  /**
   * Whether the member understands `skipAssignment`: a static leader that returns stays leader, and its
   * previous assignment stays valid.
   */
  readonly canSkipAssignment: boolean;
  /** How long the first member of an empty group waits for others to join, in milliseconds. Default 0. */
  readonly initialDelayMs?: number;
  /** For a member inside this process: the callbacks that replace heartbeat responses. */
  readonly local?: LocalMember;
}

/** A member as the leader sees it. */
export interface JoinedMember {
  /** The id the coordinator knows the member by. */
  readonly memberId: string;
  /** Instance id of a static member, null for a dynamic one. */
  readonly groupInstanceId: string | null;
  /** The member's subscription, encoded as the agreed protocol defines. */
  readonly metadata: Buffer;
}

/** The response to a join, sent when all members have joined. */
export interface JoinResult {
  /** Id of this member. */
  readonly memberId: string;
  /** The new generation. */
  readonly generationId: number;
  /** The protocol type the members share, usually `consumer`. */
  readonly protocolType: string | null;
  /** The assignment protocol that all members support and most of them prefer; null while none is agreed. */
  readonly protocolName: string | null;
  /** Id of the leader, which makes the assignment. */
  readonly leader: string;
  /** True for a leader that must not make a new assignment, because the previous one stays valid. */
  readonly skipAssignment: boolean;
  /** All members if this member is the leader; empty otherwise. */
  readonly members: readonly JoinedMember[];
}

/** How a member identifies itself in every request after its join. */
export interface MemberIdentity {
  /** The id the coordinator knows the member by. */
  readonly memberId: string;
  /** Instance id of a static member, null for a dynamic one. */
  readonly groupInstanceId: string | null;
  /** The generation the member joined. */
  readonly generationId: number;
  /** Set for a member inside this process, so that no client can impersonate it. */
  readonly local?: LocalMember;
}

/** The leader's assignment for one member. */
export interface MemberAssignment {
  /** The member the assignment is for. */
  readonly memberId: string;
  /** Its partitions, encoded as the agreed protocol defines; at most 1 MiB. */
  readonly assignment: Buffer;
}

/** A member's request for its assignment. The leader's request carries the assignments of all members. */
export interface SyncRequest extends MemberIdentity {
  /** As in the join response; null if the client does not state it. */
  readonly protocolType: string | null;
  /** As in the join response; null if the client does not state it. */
  readonly protocolName: string | null;
  /** From the leader: the assignments of all members. Ignored from other members. */
  readonly assignments: readonly MemberAssignment[];
}

/** The response to a sync: the member's assignment. */
export interface SyncResult {
  /** The protocol type the members share, usually `consumer`. */
  readonly protocolType: string | null;
  /** The assignment protocol that was used. */
  readonly protocolName: string | null;
  /** The member's partitions, encoded as that protocol defines; empty if it has none. */
  readonly assignment: Buffer;
}

/** Current state of a member. */
export interface MemberView {
  /** The id the coordinator knows the member by. */
  readonly memberId: string;
  /** Instance id of a static member, null for a dynamic one. */
  readonly groupInstanceId: string | null;
  /** The client id the member states. */
  readonly clientId: string;
  /** The address of the member. */
  readonly clientHost: string;
  /** Whether the member is inside this process. */
  readonly isLocal: boolean;
  /** The member's metadata for the agreed protocol; while none is agreed, for the one the member prefers. */
  readonly metadata: Buffer;
  /** The member's latest assignment. */
  readonly assignment: Buffer;
}

/** Current state of a group. */
export interface MembershipView {
  /** Progress of its rebalance. */
  readonly state: MembershipState;
  /** Increases with every rebalance; starts over when the process does. */
  readonly generation: number;
  /** The protocol type the members share, usually `consumer`. */
  readonly protocolType: string;
  /** The agreed assignment protocol; '' while there is none. */
  readonly protocolName: string;
  /** In the order they joined. A static member that is away is listed for as long as its place is kept. */
  readonly members: readonly MemberView[];
}

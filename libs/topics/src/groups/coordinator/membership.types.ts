import type { TopicsError } from '../../errors.js';

/**
 * The states of the classic group protocol. `Empty`: no members. `PreparingRebalance`: members join. `CompletingRebalance`:
 * they have joined, their leader shares out. `Stable`: each has its share. `Dead`: gone; its name may begin anew.
 */
export type MembershipState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/** A way to share partitions that a member knows, with what it tells its leader about itself: opaque here. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

/** A member inside this process: it lives as long as the process does, and is called where others have to ask. */
export interface LocalMember {
  /** A round has begun; the member is to join it. Called in the middle of things: must not call back at once. */
  rebalancing(): void;
  /** It is no member any more, and what it owned goes to others. */
  removed(error: TopicsError): void;
  /**
   * Would it have to let go of what it owns before partitions are shared out by this protocol? Then its join is
   * refused with `REBALANCE_IN_PROGRESS`, and the others wait for it to join again.
   */
  mustLetGo(protocol: string): boolean;
}

export interface JoinRequest {
  /** '' for a member that is new. A local member chooses its own. */
  readonly memberId: string;
  /** Names a static member over its restarts; null for a dynamic one. */
  readonly groupInstanceId: string | null;
  /** Silent for longer, the member is out. Of local members only those that were suspended. */
  readonly sessionTimeoutMs: number;
  /** How long the others wait for it to join a round. Negative: as long as its session. */
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  /** The ways of sharing out it knows, the one it likes best first. */
  readonly protocols: readonly MemberProtocol[];
  readonly clientId: string;
  readonly clientHost: string;
  /** A new dynamic member is first given its id, and joins with it in a second request. */
  readonly needsKnownId: boolean;
  /** The member can be told to lead without sharing out: a static leader came back, its assignment holds. */
  readonly canSkipAssignment: boolean;
  /** How long it would wait for others as the first of its group, in milliseconds. Default 0. */
  readonly initialDelayMs?: number;
  readonly local?: LocalMember;
}

export interface JoinedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Buffer;
}

export interface JoinResult {
  readonly memberId: string;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  /** For the leader only; empty for others. */
  readonly members: readonly JoinedMember[];
}

/** A member as it names itself in every later request. */
export interface MemberIdentity {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly generationId: number;
  /** Of a member inside this process, which nobody else can pass for. */
  readonly local?: LocalMember;
}

export interface MemberAssignment {
  readonly memberId: string;
  readonly assignment: Buffer;
}

export interface SyncRequest extends MemberIdentity {
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** By the leader: everybody's share. */
  readonly assignments: readonly MemberAssignment[];
}

export interface SyncResult {
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Buffer;
}

export interface MemberView {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Is it inside this process? */
  readonly isLocal: boolean;
  /** For the protocol agreed on; while there is none, for the one the member likes best. */
  readonly metadata: Buffer;
  /** What it was given last. */
  readonly assignment: Buffer;
}

/** A group as it is now. */
export interface MembershipView {
  readonly state: MembershipState;
  readonly generation: number;
  readonly protocolType: string;
  /** '' while none is agreed on. */
  readonly protocolName: string;
  readonly members: readonly MemberView[];
}

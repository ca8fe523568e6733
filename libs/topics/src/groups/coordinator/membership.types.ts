import type { TopicsError } from '../../errors.js';

/**
 * The states of the classic group protocol. `Empty`: no members. `PreparingRebalance`: members join. `CompletingRebalance`:
 * they have joined, their leader shares out. `Stable`: each has its share. `Dead`: gone; its name may begin anew.
 */
export type MembershipState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/** A way to share partitions that a member knows, with what it tells its leader about itself: opaque here. */
export interface MemberProtocol {
  /** Of a way to share out, such as `range`. */
  readonly name: string;
  /** What the member subscribes to, in the bytes of this protocol. */
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

/** What a client says when it joins. */
export interface JoinRequest {
  /** '' for a member that is new. A local member chooses its own. */
  readonly memberId: string;
  /** Names a static member over its restarts; null for a dynamic one. */
  readonly groupInstanceId: string | null;
  /** Silent for longer than this, in milliseconds, the member is out. A local one only while it is suspended. */
  readonly sessionTimeoutMs: number;
  /** How long the others wait for it to join a round, in milliseconds. Negative: as long as its session. */
  readonly rebalanceTimeoutMs: number;
  /** `consumer`, or another name: all members of a group must give the same. Not empty. */
  readonly protocolType: string;
  /** The ways of sharing out it knows, the one it likes best first; 1 to 100, 1 MiB in all. */
  readonly protocols: readonly MemberProtocol[];
  /** What it calls itself. */
  readonly clientId: string;
  /** Where it is: its address. */
  readonly clientHost: string;
  /** A new dynamic member is refused with `MEMBER_ID_REQUIRED`, which tells its id, and joins with that in a second request. */
  readonly needsKnownId: boolean;
  /** The member can be told to lead without sharing out: a static leader came back, its assignment holds. */
  readonly canSkipAssignment: boolean;
  /** As the first of its group, how long its round is kept open for others, in milliseconds. Default 0. */
  readonly initialDelayMs?: number;
  /** Of a member inside this process: what is told of rounds in place of answers to heartbeats. */
  readonly local?: LocalMember;
}

/** A member, as its leader is told of it. */
export interface JoinedMember {
  /** As the coordinator named it. */
  readonly memberId: string;
  /** The name of a static member, null for others. */
  readonly groupInstanceId: string | null;
  /** What it subscribes to, in the bytes of the agreed protocol. */
  readonly metadata: Buffer;
}

/** What a client is told when a round has ended. */
export interface JoinResult {
  /** Id of this member. */
  readonly memberId: string;
  /** The generation that begins. */
  readonly generationId: number;
  /** `consumer`, or what else the members have in common. */
  readonly protocolType: string | null;
  /** The way to share out that all members know and most of them like best; null while none is agreed on. */
  readonly protocolName: string | null;
  /** Id of the member that shares out. */
  readonly leader: string;
  /** This member leads, but need not share out anew: the shares of before hold. */
  readonly skipAssignment: boolean;
  /** All members, for the leader; empty for others. */
  readonly members: readonly JoinedMember[];
}

/** A member as it names itself in every later request. */
export interface MemberIdentity {
  /** As the coordinator named it. */
  readonly memberId: string;
  /** The name of a static member, null for others. */
  readonly groupInstanceId: string | null;
  /** The generation it joined in. */
  readonly generationId: number;
  /** Of a member inside this process, which nobody else can pass for. */
  readonly local?: LocalMember;
}

/** What the leader gives to a member. */
export interface MemberAssignment {
  /** The member it is for. */
  readonly memberId: string;
  /** Its share, in the bytes of the agreed protocol; at most 1 MiB. */
  readonly assignment: Buffer;
}

/** What a member sends when a round has ended; its leader with what it shares out. */
export interface SyncRequest extends MemberIdentity {
  /** As it was told; null where the client does not say. */
  readonly protocolType: string | null;
  /** As it was told; null where the client does not say. */
  readonly protocolName: string | null;
  /** By the leader: everybody's share. Ignored from others. */
  readonly assignments: readonly MemberAssignment[];
}

/** What a member is given. */
export interface SyncResult {
  /** `consumer`, or what else the members have in common. */
  readonly protocolType: string | null;
  /** The way it was shared out by. */
  readonly protocolName: string | null;
  /** Its share, in the bytes of that way; empty for none. */
  readonly assignment: Buffer;
}

/** A member as it is now. */
export interface MemberView {
  /** As the coordinator named it. */
  readonly memberId: string;
  /** The name of a static member, null for others. */
  readonly groupInstanceId: string | null;
  /** What it calls itself. */
  readonly clientId: string;
  /** Where it is: its address. */
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
  /** Where it stands in a round. */
  readonly state: MembershipState;
  /** Counts up with every round; begins anew when the process does. */
  readonly generation: number;
  /** `consumer`, or what else members agreed on. */
  readonly protocolType: string;
  /** '' while none is agreed on. */
  readonly protocolName: string;
  /** In the order they came; static ones that are away as long as their place is kept. */
  readonly members: readonly MemberView[];
}

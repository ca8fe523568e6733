import { GroupJoins } from './group-joins.js';
import type { GroupMember } from './group-member.js';
import { GroupRounds } from './group-rounds.js';
import { MemberTable } from './member-table.js';
import {
  CoordinatorStoppedError,
  FencedMemberError,
  InconsistentGroupProtocolError,
  RebalanceInProgressError,
  StaleGenerationError,
  UnknownMemberError,
} from './membership-errors.js';
import type {
  JoinRequest,
  JoinResult,
  MemberIdentity,
  MembershipState,
  MembershipView,
  SyncRequest,
  SyncResult,
} from './membership.types.js';
import { PendingIds } from './pending-ids.js';

export interface GroupEvents {
  /** Every member has its assignment. */
  shared(generation: number): void;
  /** The group has no members left, and no client holds an id to join with. */
  unused(): void;
}

/**
 * One group in the classic protocol: its members, and what each may do. A join waits until all members have
 * joined, a sync until the leader has sent the assignments.
 */
export class Group {
  private readonly members = new MemberTable();
  private readonly pendingIds = new PendingIds(() => this.onPendingGone());
  private readonly rounds: GroupRounds;
  private readonly joins: GroupJoins;

  /** @param generation the last one a group of this name has had */
  constructor(
    maxMembers: number,
    generation: number,
    private readonly events: GroupEvents,
  ) {
    this.rounds = new GroupRounds(this.members, generation, {
      isAwaited: () => this.pendingIds.size > 0,
      shared: (current) => events.shared(current),
      emptied: () => this.reportIfUnused(),
    });
    this.joins = new GroupJoins(maxMembers, this.members, this.pendingIds, this.rounds);
  }

  get state(): MembershipState {
    return this.rounds.state;
  }

  get generation(): number {
    return this.rounds.generation;
  }

  get memberCount(): number {
    return this.members.size;
  }

  get isUnused(): boolean {
    return this.members.size === 0 && this.pendingIds.size === 0;
  }

  get bytes(): number {
    let bytes = this.pendingIds.size * 200;
    for (const member of this.members) bytes += member.bytes;
    return bytes;
  }

  describe(): MembershipView {
    const { state, generation, protocolType } = this.rounds;
    const isAgreed = state === 'Stable' || state === 'CompletingRebalance';
    const protocolName = isAgreed ? this.rounds.protocolName : null;
    return {
      state,
      generation,
      protocolType: protocolType ?? '',
      protocolName: protocolName ?? '',
      members: [...this.members].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        isLocal: member.local !== undefined,
        metadata: member.metadataFor(protocolName ?? member.protocols[0]?.name ?? null),
        assignment: member.assignment,
      })),
    };
  }

  join(request: JoinRequest): Promise<JoinResult> {
    return this.joins.join(request);
  }

  async sync(request: SyncRequest): Promise<SyncResult> {
    const member = this.identify(request);
    const { protocolType, protocolName } = request;
    const { rounds } = this;
    if (
      (protocolType !== null && protocolType !== rounds.protocolType) ||
      (protocolName !== null && rounds.protocolName !== null && protocolName !== rounds.protocolName)
    ) {
      throw new InconsistentGroupProtocolError(`the group has agreed on ${rounds.protocolName}`);
    }
    member.touch();
    if (rounds.state === 'PreparingRebalance') throw new RebalanceInProgressError();
    if (rounds.state === 'Stable') return rounds.syncResult(member);
    return rounds.sync(member, request.assignments);
  }

  heartbeat(identity: MemberIdentity): void {
    this.identify(identity).touch();
    if (this.rounds.state === 'PreparingRebalance') throw new RebalanceInProgressError();
  }

  leave({ memberId, groupInstanceId, local }: Omit<MemberIdentity, 'generationId'>): void {
    if (this.pendingIds.remove(memberId)) return this.onPendingGone();
    const named = this.members.static(groupInstanceId);
    if (groupInstanceId !== null) {
      if (named === undefined) throw new UnknownMemberError();
      if (memberId !== '' && named.memberId !== memberId) throw new FencedMemberError(groupInstanceId);
    }
    const member = named ?? this.members.get(memberId);
    if (member === undefined) throw new UnknownMemberError();
    const error = new UnknownMemberError();
    this.rounds.remove([member], error);
    // Somebody else removed the local member: an administrator, for instance.
    if (member.local !== local) member.local?.removed(error);
  }

  /**
   * Keeps the place of a static member inside the process, which is stopping, until its session times out.
   */
  suspend(memberId: string): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    member.refuse(new UnknownMemberError());
    member.local = undefined;
    member.touch();
  }

  /** Starts a rebalance unless one is collecting joins already: the partitions to assign have changed. */
  rebalance(): void {
    if (this.rounds.state === 'Stable' || this.rounds.state === 'CompletingRebalance') this.rounds.begin();
  }

  /** Marks the current assignments as outdated: there are partitions that the leader may not know of yet. */
  outdate(): void {
    this.joins.outdate();
  }

  /** Checks that the member may commit offsets now. */
  assertMayCommit(identity: MemberIdentity): void {
    const { memberId, local } = identity;
    if (local !== undefined) {
      // A local member may commit during a rebalance: it releases a partition only after its last commit for
      // it, so no other member can own what it still owns.
      if (this.members.get(memberId)?.local === local) return;
      throw new UnknownMemberError();
    }
    if (identity.generationId < 0) {
      if (this.members.size === 0) return;
      if (memberId === '' && identity.groupInstanceId === null) throw new UnknownMemberError();
    }
    this.identify(identity).touch();
    if (this.rounds.state === 'CompletingRebalance') throw new RebalanceInProgressError();
  }

  /** Removes the members outside this process. */
  disconnectRemote(): void {
    this.pendingIds.clear();
    const remote = [...this.members].filter(({ local }) => local === undefined);
    this.rounds.remove(remote, new CoordinatorStoppedError());
    this.reportIfUnused();
  }

  /** Fails all pending requests, because the service stops. Members join again after the next start. */
  close(): void {
    this.pendingIds.clear();
    this.rounds.end(new CoordinatorStoppedError());
  }

  private identify({ memberId, groupInstanceId, generationId, local }: MemberIdentity): GroupMember {
    if (groupInstanceId !== null) {
      const named = this.members.static(groupInstanceId);
      if (named === undefined) throw new UnknownMemberError();
      if (named.memberId !== memberId) throw new FencedMemberError(groupInstanceId);
    }
    const member = this.members.get(memberId);
    if (member === undefined || member.local !== local) throw new UnknownMemberError();
    if (generationId !== this.generation) throw new StaleGenerationError(generationId, this.generation);
    return member;
  }

  /** A client that was given an id has not joined in time: the rebalance no longer waits for it. */
  private onPendingGone(): void {
    this.rounds.completeIfAllJoined();
    this.reportIfUnused();
  }

  private reportIfUnused(): void {
    if (!this.isUnused) return;
    this.rounds.state = 'Dead';
    this.events.unused();
  }
}

import { randomUUID } from 'node:crypto';
import { raise } from '../../raise.js';
import { sameSubscription } from './consumer-protocol.js';
import { GroupMember } from './group-member.js';
import type { GroupRounds } from './group-rounds.js';
import type { MemberTable } from './member-table.js';
import {
  FencedMemberError,
  GroupFullError,
  InconsistentGroupProtocolError,
  MemberIdRequiredError,
  UnknownMemberError,
} from './membership-errors.js';
import type { JoinRequest, JoinResult } from './membership.types.js';
import type { PendingIds } from './pending-ids.js';

/**
 * Decides whether a request may join, and how: as a new member, as a known one, or in the place of a static
 * member that returns.
 */
export class GroupJoins {
  /** The generation whose assignments miss partitions that were added since. */
  private outdatedIn: number | undefined;

  constructor(
    private readonly maxMembers: number,
    private readonly members: MemberTable,
    private readonly pendingIds: PendingIds,
    private readonly rounds: GroupRounds,
  ) {}

  /** Marks the current assignments as outdated: there are partitions they do not cover. */
  outdate(): void {
    const { generation, state } = this.rounds;
    // In a rebalance under way the leader may have counted the partitions already, so the next generation is
    // outdated too.
    this.outdatedIn = state === 'PreparingRebalance' ? generation + 1 : generation;
  }

  async join(request: JoinRequest): Promise<JoinResult> {
    const { memberId, groupInstanceId, local } = request;
    const replaced = this.members.static(groupInstanceId);
    const own = memberId === '' ? replaced : this.members.get(memberId);
    this.assertFits(request, own ?? replaced);
    this.assertRoom(memberId, own ?? replaced);
    if (replaced !== undefined && replaced.memberId !== memberId) {
      if (replaced.local !== undefined || (memberId !== '' && local === undefined)) {
        throw new FencedMemberError(groupInstanceId!);
      }
      return this.replaceStatic(replaced, request);
    }
    if (own !== undefined && own.local === local) return this.rejoin(own, request);
    if (memberId !== '') {
      const isAwaited = this.pendingIds.remove(memberId);
      if (local === undefined && !isAwaited) throw new UnknownMemberError();
      return this.admit(memberId, request);
    }
    const id = newMemberId(request);
    if (groupInstanceId === null && request.needsKnownId) {
      this.pendingIds.add(id, request.sessionTimeoutMs);
      throw new MemberIdRequiredError(id);
    }
    return this.admit(id, request);
  }

  private assertFits({ protocolType, protocols }: JoinRequest, own: GroupMember | undefined): void {
    if (protocolType === '' || protocols.length === 0) {
      throw new InconsistentGroupProtocolError('it names no protocol type or no assignment protocol');
    }
    if (this.members.size > 0 && this.rounds.protocolType !== protocolType) {
      throw new InconsistentGroupProtocolError(
        `its members use the protocol type ${this.rounds.protocolType}`,
      );
    }
    if (!this.members.accepts(protocols, own)) {
      throw new InconsistentGroupProtocolError('no assignment protocol is supported by all members');
    }
  }

  private assertRoom(memberId: string, own: GroupMember | undefined): void {
    if (own !== undefined || this.pendingIds.has(memberId)) return;
    if (this.members.size + this.pendingIds.size < this.maxMembers) return;
    throw new GroupFullError(`the limit is ${this.maxMembers} members; ${raise('maxGroupMembers')}`);
  }

  private admit(memberId: string, request: JoinRequest): Promise<JoinResult> {
    const member = this.newMember(memberId, request);
    this.rounds.protocolType = request.protocolType;
    return this.rounds.join(member, request.initialDelayMs);
  }

  private newMember(memberId: string, request: JoinRequest): GroupMember {
    const member = new GroupMember(memberId, request.groupInstanceId, (silent) =>
      this.rounds.remove([silent], new UnknownMemberError()),
    );
    member.update(request);
    member.touch();
    this.members.add(member);
    return member;
  }

  /**
   * A static member returned under a new id: it takes the old one's place, and its assignment if nothing has
   * changed.
   */
  private async replaceStatic(old: GroupMember, request: JoinRequest): Promise<JoinResult> {
    const { rounds } = this;
    // A leader that returns this way does not look for partitions that were added while it was away.
    const isOutdated = this.outdatedIn === rounds.generation;
    const isUnchanged = !isOutdated && sameSubscription(old.protocols, request.protocols);
    const wasLeader = rounds.leader === old.memberId;
    this.members.remove(old);
    old.refuse(new FencedMemberError(request.groupInstanceId!));
    const id = request.local === undefined ? newMemberId(request) : request.memberId;
    const member = this.newMember(id, request);
    member.assignment = old.assignment;
    if (wasLeader) rounds.leader = member.memberId;
    if (rounds.state !== 'Stable' || !isUnchanged) return rounds.join(member);
    const result = rounds.joinResult(member);
    // The previous assignment stays valid. A leader that does not understand `skipAssignment` must not learn
    // that it leads, or it would make a new one.
    if (!wasLeader) return result;
    if (request.canSkipAssignment) return { ...result, skipAssignment: true };
    return { ...result, leader: old.memberId, members: [] };
  }

  private async rejoin(member: GroupMember, request: JoinRequest): Promise<JoinResult> {
    const { rounds } = this;
    const isUnchanged = member.hasSameProtocols(request.protocols);
    const isLeader = member.memberId === rounds.leader;
    member.update(request);
    member.touch();
    // The response was lost, or a follower asks again: no rebalance is needed.
    const isSettled = rounds.state === 'CompletingRebalance' || (rounds.state === 'Stable' && !isLeader);
    if (isUnchanged && isSettled) return rounds.joinResult(member);
    return rounds.join(member);
  }
}

/** The prefix is for logs and `describe`; the UUID makes the id unguessable. */
function newMemberId({ clientId, groupInstanceId }: JoinRequest): string {
  return `${(groupInstanceId ?? clientId).slice(0, 200)}-${randomUUID()}`;
}

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

/** Who may join a group, and as whom: as a new member, as one it knows, or in the place of a static one that is back. */
export class GroupJoins {
  /** The generation whose shares leave out what has come since. */
  private outdatedIn: number | undefined;

  constructor(
    private readonly maxMembers: number,
    private readonly members: MemberTable,
    private readonly pendingIds: PendingIds,
    private readonly rounds: GroupRounds,
  ) {}

  /** There is more to share out than the shares of now know of. */
  outdate(): void {
    const { generation, state } = this.rounds;
    // The leader of a round that is under way may have looked already.
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
      throw new InconsistentGroupProtocolError('it names no protocol to share out by');
    }
    if (this.members.size > 0 && this.rounds.protocolType !== protocolType) {
      throw new InconsistentGroupProtocolError(`its members are of the type ${this.rounds.protocolType}`);
    }
    if (!this.members.accepts(protocols, own)) {
      throw new InconsistentGroupProtocolError('no way of sharing out is known to all members');
    }
  }

  private assertRoom(memberId: string, own: GroupMember | undefined): void {
    if (own !== undefined || this.pendingIds.has(memberId)) return;
    if (this.members.size + this.pendingIds.size < this.maxMembers) return;
    throw new GroupFullError(`${this.maxMembers} is the most; ${raise('maxGroupMembers')}`);
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

  /** A static member came back under a new id: it takes the old one's place, and its share where nothing changed. */
  private async replaceStatic(old: GroupMember, request: JoinRequest): Promise<JoinResult> {
    const { rounds } = this;
    // A leader that comes back by its name does not look for what has come while it was away.
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
    // A leader that cannot skip the assignment must not think it leads: the assignment it made still holds.
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
    // Its answer was lost on the way, or a follower asks again: there is nothing to share out anew.
    const isSettled = rounds.state === 'CompletingRebalance' || (rounds.state === 'Stable' && !isLeader);
    if (isUnchanged && isSettled) return rounds.joinResult(member);
    return rounds.join(member);
  }
}

/** Readable in logs and describe; the UUID makes it unguessable. */
function newMemberId({ clientId, groupInstanceId }: JoinRequest): string {
  return `${(groupInstanceId ?? clientId).slice(0, 200)}-${randomUUID()}`;
}

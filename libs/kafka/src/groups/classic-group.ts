import { ErrorCode } from '../protocol/error-codes.js';
import type {
  ClassicGroupDescription,
  ClassicGroupLimits,
  ClassicGroupState,
  JoinRequest,
  JoinResult,
  MemberIdentity,
  SyncRequest,
  SyncResult,
} from './classic-group.types.js';
import { ClassicMember } from './classic-member.js';
import { newMemberId, refusedJoin, refusedSync } from './group-answers.js';
import { MemberTable } from './member-table.js';
import { PendingIds } from './pending-ids.js';

const NOTHING = Buffer.alloc(0);

/**
 * One group in the classic protocol. Members join; when all are there (or the time for it is over) one of them leads
 * and shares the partitions out; the others get their share from it through us. Any change begins this anew, with
 * the next generation.
 *
 * A join waits until the round it belongs to has ended, a sync until the leader has spoken.
 */
export class ClassicGroup {
  private readonly members = new MemberTable();
  private readonly pendingIds = new PendingIds(() => this.onPendingGone());
  private current: ClassicGroupState = 'Empty';
  private generation = 0;
  private leader: string | null = null;
  private protocolType: string | null = null;
  private protocolName: string | null = null;
  /** Ends the joining (or, when it has ended, the waiting for syncs) at the latest. */
  private roundTimer: NodeJS.Timeout | undefined;
  /** The first member of an empty group waits for others. */
  private isDelayed = false;

  constructor(
    private readonly limits: ClassicGroupLimits,
    private readonly onEmpty: () => void,
  ) {}

  get state(): ClassicGroupState {
    return this.current;
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

  describe(): ClassicGroupDescription {
    const isAgreed = this.current === 'Stable' || this.current === 'CompletingRebalance';
    const protocolName = isAgreed ? this.protocolName : null;
    return {
      state: this.current,
      protocolType: this.protocolType ?? '',
      protocolName: protocolName ?? '',
      members: [...this.members].map((member) => ({
        memberId: member.memberId,
        groupInstanceId: member.groupInstanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        metadata: member.metadataFor(protocolName),
        assignment: this.current === 'Stable' ? member.assignment : NOTHING,
      })),
    };
  }

  join(request: JoinRequest): Promise<JoinResult> {
    const { memberId, groupInstanceId, protocols, protocolType } = request;
    const refuse = (errorCode: ErrorCode, id = memberId) => Promise.resolve(refusedJoin(errorCode, id));
    const { minSessionTimeoutMs, maxSessionTimeoutMs, maxGroupMembers } = this.limits;
    if (request.sessionTimeoutMs < minSessionTimeoutMs || request.sessionTimeoutMs > maxSessionTimeoutMs) {
      return refuse(ErrorCode.INVALID_SESSION_TIMEOUT);
    }
    const replaced = this.members.static(groupInstanceId);
    const own = memberId === '' ? replaced : this.members.get(memberId);
    const isAlone = this.members.size === (own === undefined ? 0 : 1);
    const isOtherType = !isAlone && this.protocolType !== protocolType;
    if (
      protocolType === '' ||
      protocols.length === 0 ||
      isOtherType ||
      !this.members.accepts(protocols, own)
    ) {
      return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    if (
      own === undefined &&
      this.members.size + this.pendingIds.size >= maxGroupMembers &&
      !this.pendingIds.has(memberId)
    ) {
      return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED);
    }
    if (memberId === '') {
      if (replaced !== undefined) return this.replaceStatic(replaced, request);
      const id = newMemberId(request);
      if (groupInstanceId === null && request.needsKnownId) {
        this.pendingIds.add(id, request.sessionTimeoutMs);
        return refuse(ErrorCode.MEMBER_ID_REQUIRED, id);
      }
      return this.admit(id, request);
    }
    if (this.pendingIds.remove(memberId)) return this.admit(memberId, request);
    if (replaced !== undefined && replaced.memberId !== memberId) return refuse(ErrorCode.FENCED_INSTANCE_ID);
    if (own === undefined) return refuse(ErrorCode.UNKNOWN_MEMBER_ID);
    return this.rejoin(own, request);
  }

  sync(request: SyncRequest): Promise<SyncResult> {
    const refuse = (errorCode: ErrorCode) => Promise.resolve(refusedSync(errorCode));
    const member = this.identify(request);
    if (typeof member === 'number') return refuse(member);
    const { protocolType, protocolName } = request;
    if (
      (protocolType !== null && protocolType !== this.protocolType) ||
      (protocolName !== null && protocolName !== this.protocolName)
    ) {
      return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    member.touch();
    if (this.current === 'PreparingRebalance') return refuse(ErrorCode.REBALANCE_IN_PROGRESS);
    if (this.current === 'Stable') return Promise.resolve(this.syncResult(member));
    return new Promise((resolve) => {
      member.answerSync(refusedSync(ErrorCode.REBALANCE_IN_PROGRESS));
      member.pendingSync = resolve;
      if (member.memberId === this.leader) this.assign(request.assignments);
    });
  }

  heartbeat(identity: MemberIdentity): ErrorCode {
    const member = this.identify(identity);
    if (typeof member === 'number') return member;
    member.touch();
    return this.current === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  leave({ memberId, groupInstanceId }: Omit<MemberIdentity, 'generationId'>): ErrorCode {
    if (this.pendingIds.remove(memberId)) {
      this.onPendingGone();
      return ErrorCode.NONE;
    }
    const named = this.members.static(groupInstanceId);
    if (groupInstanceId !== null) {
      if (named === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (memberId !== '' && named.memberId !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    }
    const member = named ?? this.members.get(memberId);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    this.remove(member, ErrorCode.UNKNOWN_MEMBER_ID);
    return ErrorCode.NONE;
  }

  /** May this member commit offsets now? */
  checkCommit(identity: MemberIdentity): ErrorCode {
    if (identity.generationId < 0 && this.members.size === 0) return ErrorCode.NONE;
    if (identity.generationId < 0) return ErrorCode.UNKNOWN_MEMBER_ID;
    const member = this.identify(identity);
    if (typeof member === 'number') return member;
    member.touch();
    return this.current === 'CompletingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
  }

  /** Answers whoever waits: the listener stops. Members find the group again after the start. */
  close(): void {
    clearTimeout(this.roundTimer);
    this.pendingIds.clear();
    for (const member of [...this.members]) {
      this.members.remove(member);
      member.answerJoin(refusedJoin(ErrorCode.NOT_COORDINATOR, member.memberId));
      member.answerSync(refusedSync(ErrorCode.NOT_COORDINATOR));
    }
    this.current = 'Empty';
  }

  private identify({ memberId, groupInstanceId, generationId }: MemberIdentity): ClassicMember | ErrorCode {
    if (groupInstanceId !== null) {
      const named = this.members.static(groupInstanceId);
      if (named === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (named.memberId !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    }
    const member = this.members.get(memberId);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return generationId === this.generation ? member : ErrorCode.ILLEGAL_GENERATION;
  }

  /** Who was given an id does not come back: the others need not wait for it. */
  private onPendingGone(): void {
    this.completeIfAllJoined();
    this.reportIfUnused();
  }

  private admit(memberId: string, request: JoinRequest): Promise<JoinResult> {
    const member = this.newMember(memberId, request);
    this.protocolType = request.protocolType;
    return this.waitForRound(member);
  }

  private newMember(memberId: string, request: JoinRequest): ClassicMember {
    const member = new ClassicMember(memberId, request.groupInstanceId, (silent) =>
      this.remove(silent, ErrorCode.UNKNOWN_MEMBER_ID),
    );
    member.update(request);
    member.touch();
    this.members.add(member);
    return member;
  }

  /** A static member came back under a new id: it takes the old one's place, and its share where nothing changed. */
  private replaceStatic(old: ClassicMember, request: JoinRequest): Promise<JoinResult> {
    const isUnchanged = old.hasSameProtocols(request.protocols);
    const wasLeader = this.leader === old.memberId;
    this.members.remove(old);
    old.answerJoin(refusedJoin(ErrorCode.FENCED_INSTANCE_ID, old.memberId));
    old.answerSync(refusedSync(ErrorCode.FENCED_INSTANCE_ID));
    const member = this.newMember(newMemberId(request), request);
    member.assignment = old.assignment;
    if (wasLeader) this.leader = member.memberId;
    if (this.current !== 'Stable' || !isUnchanged) return this.waitForRound(member);
    const result = this.joinResult(member);
    // A leader that cannot skip the assignment must not think it leads: the assignment it made still holds.
    if (!wasLeader) return Promise.resolve(result);
    if (request.canSkipAssignment) return Promise.resolve({ ...result, skipAssignment: true });
    return Promise.resolve({ ...result, leader: old.memberId, members: [] });
  }

  private rejoin(member: ClassicMember, request: JoinRequest): Promise<JoinResult> {
    const isUnchanged = member.hasSameProtocols(request.protocols);
    const isLeader = member.memberId === this.leader;
    member.update(request);
    member.touch();
    // Its answer was lost on the way, or a follower asks again: there is nothing to share out anew.
    const isSettled = this.current === 'CompletingRebalance' || (this.current === 'Stable' && !isLeader);
    if (isUnchanged && isSettled) return Promise.resolve(this.joinResult(member));
    return this.waitForRound(member);
  }

  private waitForRound(member: ClassicMember): Promise<JoinResult> {
    return new Promise((resolve) => {
      member.answerJoin(refusedJoin(ErrorCode.REBALANCE_IN_PROGRESS, member.memberId));
      member.pendingJoin = resolve;
      if (this.current === 'PreparingRebalance') this.completeIfAllJoined();
      else this.prepare();
    });
  }

  /** Begins a round: every member has to join again. */
  private prepare(): void {
    const wasEmpty = this.current === 'Empty';
    this.current = 'PreparingRebalance';
    for (const member of this.members) member.answerSync(refusedSync(ErrorCode.REBALANCE_IN_PROGRESS));
    this.isDelayed = wasEmpty && this.limits.initialRebalanceDelayMs > 0;
    if (this.isDelayed) {
      this.startTimer(this.limits.initialRebalanceDelayMs, () => {
        this.isDelayed = false;
        this.startTimer(this.longestRebalance(), () => this.completeRound());
        this.completeIfAllJoined();
      });
    } else {
      this.startTimer(this.longestRebalance(), () => this.completeRound());
      this.completeIfAllJoined();
    }
  }

  private completeIfAllJoined(): void {
    if (this.current !== 'PreparingRebalance' || this.isDelayed || this.pendingIds.size > 0) return;
    for (const member of this.members) if (member.pendingJoin === undefined) return;
    this.completeRound();
  }

  /** Ends the joining: who has not joined is out, but for static members, which may come back to their place. */
  private completeRound(): void {
    for (const member of [...this.members]) {
      if (member.pendingJoin === undefined && member.groupInstanceId === null) this.members.remove(member);
    }
    const joined = [...this.members].filter(({ pendingJoin }) => pendingJoin !== undefined);
    if (joined.length === 0 && this.members.size > 0) {
      // Only static members that are away: there is nobody to lead until one of them is back or given up.
      this.startTimer(this.longestRebalance(), () => this.completeRound());
      return;
    }
    this.generation = this.generation >= 0x7fffffff ? 1 : this.generation + 1;
    if (joined.length === 0) return this.becomeEmpty();
    if (!joined.some(({ memberId }) => memberId === this.leader)) this.leader = joined[0]!.memberId;
    this.protocolName = this.members.elect();
    this.current = 'CompletingRebalance';
    this.startTimer(this.longestRebalance(), () => this.expelUnsynced());
    for (const member of joined) {
      member.touch();
      member.answerJoin(this.joinResult(member));
    }
  }

  /** The leader has spoken: everybody has a share, if only an empty one. */
  private assign(assignments: SyncRequest['assignments']): void {
    clearTimeout(this.roundTimer);
    const shares = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]));
    this.current = 'Stable';
    for (const member of this.members) {
      member.assignment = Buffer.from(shares.get(member.memberId) ?? NOTHING);
      if (member.pendingSync !== undefined) member.touch();
      member.answerSync(this.syncResult(member));
    }
  }

  /** The leader, or whoever else did not ask for its share, is not coming back. */
  private expelUnsynced(): void {
    if (this.current !== 'CompletingRebalance') return;
    const absent = [...this.members].filter(({ pendingSync }) => pendingSync === undefined);
    for (const member of absent) this.remove(member, ErrorCode.UNKNOWN_MEMBER_ID);
  }

  private remove(member: ClassicMember, errorCode: ErrorCode): void {
    this.members.remove(member);
    member.answerJoin(refusedJoin(errorCode, member.memberId));
    member.answerSync(refusedSync(errorCode));
    if (this.leader === member.memberId) this.leader = null;
    if (this.current === 'PreparingRebalance') this.completeIfAllJoined();
    else this.prepare();
  }

  private becomeEmpty(): void {
    clearTimeout(this.roundTimer);
    this.current = 'Empty';
    this.leader = this.protocolName = null;
    this.reportIfUnused();
  }

  private reportIfUnused(): void {
    if (this.isUnused) this.onEmpty();
  }

  private longestRebalance(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  private startTimer(ms: number, action: () => void): void {
    clearTimeout(this.roundTimer);
    this.roundTimer = setTimeout(action, ms).unref();
  }

  private joinResult(member: ClassicMember): JoinResult {
    const { generation, protocolType, protocolName } = this;
    const isLeader = member.memberId === this.leader;
    return {
      errorCode: ErrorCode.NONE,
      memberId: member.memberId,
      generationId: generation,
      protocolType,
      protocolName,
      leader: this.leader ?? '',
      skipAssignment: false,
      members: isLeader ? [...this.members].map((one) => this.joinedMember(one)) : [],
    };
  }

  private joinedMember(member: ClassicMember) {
    const { memberId, groupInstanceId } = member;
    return { memberId, groupInstanceId, metadata: member.metadataFor(this.protocolName) };
  }

  private syncResult({ assignment }: ClassicMember): SyncResult {
    const { protocolType, protocolName } = this;
    return { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment };
  }
}

import type { TopicsError } from '../../errors.js';
import { patientTimeout } from '../../patient-timeout.js';
import type { GroupMember } from './group-member.js';
import type { MemberTable } from './member-table.js';
import { RebalanceInProgressError, UnknownMemberError } from './membership-errors.js';
import type { JoinResult, MemberAssignment, MembershipState, SyncResult } from './membership.types.js';

const NOTHING = Buffer.alloc(0);
/** As high as the wire can say. */
const MAX_GENERATION = 0x7fffffff;

export interface RoundEvents {
  /** Somebody was given an id and has not joined yet. */
  isAwaited(): boolean;
  /** Everybody has a share. */
  shared(generation: number): void;
  /** The last member is gone. */
  emptied(): void;
}

/**
 * The rounds of one group. In each the members join; when all are there (or the time for it is over) one of them leads
 * and shares the partitions out; the others get their share from it through us. Any change begins this anew, with
 * the next generation.
 */
export class GroupRounds {
  state: MembershipState = 'Empty';
  leader: string | null = null;
  protocolType: string | null = null;
  protocolName: string | null = null;
  /** Ends the joining (or, when it has ended, the waiting for syncs) at the latest. */
  private cancelTimer = () => {};
  /** The first member of an empty group waits for others. */
  private isDelayed = false;

  /** @param generation of the last round this group's name has seen */
  constructor(
    private readonly members: MemberTable,
    public generation: number,
    private readonly events: RoundEvents,
  ) {}

  /** The member waits for the round to end. Begins one where none is under way. */
  join(member: GroupMember, initialDelayMs = 0): Promise<JoinResult> {
    member.joining.refuse(new RebalanceInProgressError());
    const joined = member.joining.wait();
    if (this.state === 'PreparingRebalance') this.completeIfAllJoined();
    else this.begin(initialDelayMs);
    return joined;
  }

  /** The member waits for its share; the leader brings all of them. */
  sync(member: GroupMember, assignments: readonly MemberAssignment[]): Promise<SyncResult> {
    member.syncing.refuse(new RebalanceInProgressError());
    const synced = member.syncing.wait();
    if (member.memberId === this.leader) this.share(assignments);
    return synced;
  }

  /** Begins a round: every member has to join again. */
  begin(initialDelayMs = 0): void {
    const wasEmpty = this.state === 'Empty';
    this.state = 'PreparingRebalance';
    for (const member of this.members) {
      member.syncing.refuse(new RebalanceInProgressError());
      if (!member.joining.isWaiting) member.local?.rebalancing();
    }
    this.isDelayed = wasEmpty && initialDelayMs > 0;
    if (this.isDelayed) {
      this.startTimer(initialDelayMs, () => {
        this.isDelayed = false;
        this.awaitJoins();
      });
    } else this.awaitJoins();
  }

  completeIfAllJoined(): void {
    if (this.state !== 'PreparingRebalance' || this.letGoFirst()) return;
    if (this.isDelayed || this.events.isAwaited()) return;
    for (const member of this.members) if (!member.joining.isWaiting) return;
    this.complete();
  }

  /** All at once: none of them must lead the round that their going begins. */
  remove(members: readonly GroupMember[], error: TopicsError): void {
    if (members.length === 0) return;
    for (const member of members) {
      this.members.remove(member);
      member.refuse(error);
      if (this.leader === member.memberId) this.leader = null;
    }
    if (this.state === 'PreparingRebalance') this.completeIfAllJoined();
    else this.begin();
  }

  /** Whoever waits is told that it is over. */
  end(error: TopicsError): void {
    this.cancelTimer();
    for (const member of [...this.members]) {
      this.members.remove(member);
      member.refuse(error);
      member.local?.removed(error);
    }
    this.state = 'Dead';
  }

  joinResult(member: GroupMember): JoinResult {
    const isLeader = member.memberId === this.leader;
    return {
      memberId: member.memberId,
      generationId: this.generation,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leader: this.leader ?? '',
      skipAssignment: false,
      members: isLeader ? [...this.members].map((one) => this.joinedMember(one)) : [],
    };
  }

  syncResult({ assignment }: GroupMember): SyncResult {
    const { protocolType, protocolName } = this;
    return { protocolType, protocolName, assignment };
  }

  private awaitJoins(): void {
    this.startTimer(this.longestRebalance(), () => this.complete());
    this.completeIfAllJoined();
  }

  /**
   * A member that keeps its partitions over the round must not, where it ends with a protocol that may give them to
   * others at once. Such members are sent away to let go and join again.
   */
  private letGoFirst(): boolean {
    const holders = [...this.members].filter(
      ({ local, joining }) => local !== undefined && joining.isWaiting,
    );
    if (holders.length === 0) return false;
    const protocol = this.members.elect();
    const bound = holders.filter(({ local }) => local!.mustLetGo(protocol));
    for (const { joining } of bound) joining.refuse(new RebalanceInProgressError());
    return bound.length > 0;
  }

  /** Ends the joining: who has not joined is out, but for static members, which may come back to their place. */
  private complete(): void {
    for (const member of [...this.members]) {
      const isAway = member.groupInstanceId !== null && member.local === undefined;
      if (member.joining.isWaiting || isAway) continue;
      this.members.remove(member);
      member.local?.removed(new UnknownMemberError());
    }
    const joined = [...this.members].filter(({ joining }) => joining.isWaiting);
    // With no one joined there is nobody to lead until a static member is back or given up.
    if ((joined.length === 0 && this.members.size > 0) || this.letGoFirst()) {
      this.startTimer(this.longestRebalance(), () => this.complete());
      return;
    }
    this.generation = this.generation >= MAX_GENERATION ? 1 : this.generation + 1;
    if (joined.length === 0) return this.becomeEmpty();
    this.leader = this.elect(joined);
    this.protocolName = this.members.elect();
    this.state = 'CompletingRebalance';
    this.startTimer(this.longestRebalance(), () => this.expelUnsynced());
    for (const member of joined) {
      member.touch();
      member.joining.answer(this.joinResult(member));
    }
  }

  /**
   * A member inside the process leads where there is one: it knows all topics as they are now, and shares them out to
   * members that subscribe to different ones. Otherwise the leader stays who it is.
   */
  private elect(joined: readonly GroupMember[]): string {
    const local = joined.filter((member) => member.local !== undefined);
    const candidates = local.length > 0 ? local : joined;
    const isCandidate = candidates.some(({ memberId }) => memberId === this.leader);
    return isCandidate ? this.leader! : candidates[0]!.memberId;
  }

  /** The leader has spoken: everybody has a share, if only an empty one. */
  private share(assignments: readonly MemberAssignment[]): void {
    this.cancelTimer();
    const shares = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]));
    this.state = 'Stable';
    for (const member of this.members) {
      member.assignment = Buffer.from(shares.get(member.memberId) ?? NOTHING);
      if (member.syncing.isWaiting) member.touch();
      member.syncing.answer(this.syncResult(member));
    }
    this.events.shared(this.generation);
  }

  /** The leader, or whoever else did not ask for its share, is not coming back. */
  private expelUnsynced(): void {
    if (this.state !== 'CompletingRebalance') return;
    const absent = [...this.members].filter(({ syncing }) => !syncing.isWaiting);
    const error = new UnknownMemberError();
    this.remove(absent, error);
    for (const { local } of absent) local?.removed(error);
  }

  private becomeEmpty(): void {
    this.cancelTimer();
    this.state = 'Empty';
    this.leader = this.protocolName = null;
    this.events.emptied();
  }

  private longestRebalance(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  private startTimer(ms: number, action: () => void): void {
    this.cancelTimer();
    this.cancelTimer = patientTimeout(ms, action);
  }

  private joinedMember(member: GroupMember) {
    const { memberId, groupInstanceId } = member;
    return { memberId, groupInstanceId, metadata: member.metadataFor(this.protocolName) };
  }
}

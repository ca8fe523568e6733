import type { TopicsError } from '../../errors.js';
import { patientTimeout } from '../../patient-timeout.js';
import type { GroupMember } from './group-member.js';
import type { MemberTable } from './member-table.js';
import { RebalanceInProgressError, UnknownMemberError } from './membership-errors.js';
import type { JoinResult, MemberAssignment, MembershipState, SyncResult } from './membership.types.js';

const NOTHING = Buffer.alloc(0);
/** The largest generation the wire format can carry. */
const MAX_GENERATION = 0x7fffffff;

export interface RoundEvents {
  /** A client was given an id and has not joined yet. */
  isAwaited(): boolean;
  /** Every member has its assignment. */
  shared(generation: number): void;
  /** The last member has left. */
  emptied(): void;
}

/**
 * The rebalances of one group. Members join; when all have joined, or the time for it is over, one of them
 * becomes the leader and assigns the partitions; the others fetch their assignment from the coordinator.
 * Every change starts a new rebalance with the next generation.
 */
export class GroupRounds {
  state: MembershipState = 'Empty';
  leader: string | null = null;
  protocolType: string | null = null;
  protocolName: string | null = null;
  /** Cancels the timeout of the current phase: of joining, and then of waiting for syncs. */
  private cancelTimer = () => {};
  /** The first member of an empty group is waiting for others to join. */
  private isDelayed = false;

  /** @param generation the last one a group of this name has had */
  constructor(
    private readonly members: MemberTable,
    public generation: number,
    private readonly events: RoundEvents,
  ) {}

  /** Adds a member's join to the rebalance, or starts one. Resolves when all members have joined. */
  join(member: GroupMember, initialDelayMs = 0): Promise<JoinResult> {
    member.joining.refuse(new RebalanceInProgressError());
    const joined = member.joining.wait();
    if (this.state === 'PreparingRebalance') this.completeIfAllJoined();
    else this.begin(initialDelayMs);
    return joined;
  }

  /** Resolves with the member's assignment. The leader's request carries all assignments. */
  sync(member: GroupMember, assignments: readonly MemberAssignment[]): Promise<SyncResult> {
    member.syncing.refuse(new RebalanceInProgressError());
    const synced = member.syncing.wait();
    if (member.memberId === this.leader) this.share(assignments);
    return synced;
  }

  /** Starts a rebalance: every member has to join again. */
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

  /** Removes members in one step, so that none of them can become leader of the rebalance that follows. */
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

  /** Ends the group: removes every member and fails its pending requests. */
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
   * Some protocols may give a partition to another member as soon as the rebalance ends. If the group is
   * about to agree on one, members that still hold partitions are refused: they release them and join again.
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

  /**
   * Ends the joining phase. Members that have not joined are removed, except static members that do not run
   * inside the process: they may return to their place.
   */
  private complete(): void {
    for (const member of [...this.members]) {
      const isAway = member.groupInstanceId !== null && member.local === undefined;
      if (member.joining.isWaiting || isAway) continue;
      this.members.remove(member);
      member.local?.removed(new UnknownMemberError());
    }
    const joined = [...this.members].filter(({ joining }) => joining.isWaiting);
    // If nobody has joined, there is no leader until a static member returns or its session times out.
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
   * Prefers a leader inside the process: it knows the current topics and can assign them to members with
   * different subscriptions. Otherwise the previous leader stays leader.
   */
  private elect(joined: readonly GroupMember[]): string {
    const local = joined.filter((member) => member.local !== undefined);
    const candidates = local.length > 0 ? local : joined;
    const isCandidate = candidates.some(({ memberId }) => memberId === this.leader);
    return isCandidate ? this.leader! : candidates[0]!.memberId;
  }

  /** Hands out the leader's assignments; a member without one gets an empty assignment. */
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

  /** Removes the members, possibly including the leader, that did not ask for their assignment in time. */
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

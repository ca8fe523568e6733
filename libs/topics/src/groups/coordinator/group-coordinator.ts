import { GroupNotEmptyError } from '../../errors.js';
import { assertGroupName } from '../group-name.js';
import { Group } from './group.js';
import { GroupHolds } from './group-holds.js';
import {
  CoordinatorStoppedError,
  GroupFullError,
  InconsistentGroupProtocolError,
  UnknownMemberError,
} from './membership-errors.js';
import { raise } from '../../raise.js';
import type {
  JoinRequest,
  JoinResult,
  MemberIdentity,
  MembershipView,
  SyncRequest,
  SyncResult,
} from './membership.types.js';

/** Memory all members together may take with what they tell about themselves, and with their shares. */
const MAX_BYTES = 128 * 1024 * 1024;
/** What one member may tell about itself, and what its share may be. */
const MAX_MEMBER_BYTES = 1024 * 1024;
/** Ways of sharing out that one member may offer: those of all members are compared with each other. */
const MAX_PROTOCOLS = 100;

export interface CoordinatorLimits {
  /** Groups with members there may be. */
  readonly maxGroups: number;
  /** Members one group may have. */
  readonly maxGroupMembers: number;
}

/**
 * Decides who is a member of which group, and lets one member of each share out its partitions: the classic protocol of
 * Kafka's groups, spoken by handlers inside the process and by clients of any listener alike. It keeps no offsets, and
 * nothing of it survives a restart: members join again.
 *
 * @publicApi
 */
export class GroupCoordinator {
  private readonly groups = new Map<string, Group>();
  /** The last generation of groups whose members are all gone, so that none comes twice. */
  private readonly past = new Map<string, number>();
  private readonly holds = new GroupHolds();
  private isClosed = false;
  private takesRemote = true;
  /** Bytes that members take, or more: what went since is counted until there seems to be no room. */
  private bytesAtMost = 0;

  /** @param onShared told when the members of a group all have their share */
  constructor(
    private readonly limits: CoordinatorLimits,
    private readonly onShared: (group: string, generation: number) => void = () => {},
  ) {}

  /** Groups that have members. */
  names(): string[] {
    return [...this.groups].filter(([, { memberCount }]) => memberCount > 0).map(([name]) => name);
  }

  /** How many members a group has; 0 for one that nobody knows. */
  memberCount(name: string): number {
    return this.groups.get(name)?.memberCount ?? 0;
  }

  /** The group as it is now; undefined where it has no members, and nobody was given an id to join with. */
  describe(name: string): MembershipView | undefined {
    return this.groups.get(name)?.describe();
  }

  /** The last generation of a group, 0 where there was none since the start. */
  generation(name: string): number {
    return this.groups.get(name)?.generation ?? this.past.get(name) ?? 0;
  }

  /**
   * Resolves when the round has ended that the member joined.
   * @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `MEMBER_ID_REQUIRED`, `FENCED_MEMBER`, `INCONSISTENT_GROUP_PROTOCOL`,
   *   `GROUP_FULL`, `REBALANCE_IN_PROGRESS` (join again), `COORDINATOR_STOPPED`
   */
  async join(name: string, request: JoinRequest): Promise<JoinResult> {
    // A local member looks by itself, because it may be told to stop while it waits.
    if (request.local === undefined) while (this.holds.of(name) !== undefined) await this.holds.of(name);
    if (this.isClosed || (request.local === undefined && !this.takesRemote)) {
      throw new CoordinatorStoppedError();
    }
    assertGroupName(name);
    const { protocols } = request;
    if (protocols.length > MAX_PROTOCOLS) {
      throw new InconsistentGroupProtocolError(`it offers more than ${MAX_PROTOCOLS} ways of sharing out`);
    }
    this.assertRoomFor(protocols.reduce((sum, one) => sum + one.name.length + one.metadata.length, 0));
    let group = this.groups.get(name);
    if (group === undefined) {
      if (request.memberId !== '' && request.local === undefined) {
        throw new UnknownMemberError();
      }
      group = this.create(name);
    }
    try {
      return await group.join(request);
    } finally {
      if (group.isUnused) this.end(name, group);
    }
  }

  /**
   * Resolves with the member's share, when the leader has shared out.
   * @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `STALE_GENERATION`, `FENCED_MEMBER`, `INCONSISTENT_GROUP_PROTOCOL`,
   *   `REBALANCE_IN_PROGRESS` (join again), `GROUP_FULL` for shares that are too large, `COORDINATOR_STOPPED`
   */
  async sync(name: string, request: SyncRequest): Promise<SyncResult> {
    const group = this.existing(name);
    for (const { assignment } of request.assignments) this.assertRoomFor(assignment.length);
    return group.sync(request);
  }

  /**
   * @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `STALE_GENERATION`, `FENCED_MEMBER`, `REBALANCE_IN_PROGRESS`,
   *   `COORDINATOR_STOPPED`
   */
  heartbeat(name: string, identity: MemberIdentity): void {
    this.existing(name).heartbeat(identity);
  }

  /** @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `FENCED_MEMBER`, `COORDINATOR_STOPPED` */
  leave(name: string, member: Omit<MemberIdentity, 'generationId'>): void {
    this.existing(name).leave(member);
  }

  /**
   * May this member commit offsets? Whoever names no generation (-1) commits for a group without members. A group that
   * nobody knows may have had members before a restart: whoever was one is told that it is none, and joins again.
   * @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `STALE_GENERATION`, `FENCED_MEMBER`, `REBALANCE_IN_PROGRESS`, `COORDINATOR_STOPPED`
   */
  assertMayCommit(name: string, identity: MemberIdentity): void {
    assertGroupName(name);
    const group = this.groups.get(name);
    if (group !== undefined) return group.assertMayCommit(identity);
    if (identity.generationId >= 0) this.existing(name);
  }

  /**
   * Has the offsets of a group without members written. Nobody joins until that is over: a member that read its
   * offsets meanwhile would begin at those of before, and its next commit would undo the write.
   * @throws {GroupNotEmptyError} `GROUP_NOT_EMPTY`, and then nothing is written
   * @internal
   */
  async whileEmpty<T>(name: string, write: () => Promise<T>): Promise<T> {
    const members = this.memberCount(name);
    if (members > 0) throw new GroupNotEmptyError(name, members);
    return this.holds.during(name, write);
  }

  /** What a local member has to await before it joins; undefined where it may now. @internal */
  heldBack(name: string): Promise<unknown> | undefined {
    return this.holds.of(name);
  }

  /** Has the members share out anew: there is something else to share. @internal */
  rebalance(name: string): void {
    this.groups.get(name)?.rebalance();
  }

  /** Has a static member that comes back share out anew, in place of taking up its share as it was. @internal */
  outdate(name: string): void {
    this.groups.get(name)?.outdate();
  }

  /** Keeps the place of a static member inside this process, for as long as its session lasts. @internal */
  suspend(name: string, memberId: string): void {
    this.groups.get(name)?.suspend(memberId);
  }

  /** A listener stops: its members are answered and removed, and no more of them are taken. */
  disconnectRemote(): void {
    this.takesRemote = false;
    for (const group of [...this.groups.values()]) group.disconnectRemote();
  }

  /** Answers whoever waits, and takes no more members. @internal */
  close(): void {
    this.isClosed = true;
    for (const group of this.groups.values()) group.close();
    this.groups.clear();
  }

  private existing(name: string): Group {
    assertGroupName(name);
    const group = this.groups.get(name);
    if (group !== undefined) return group;
    throw this.isClosed || !this.takesRemote ? new CoordinatorStoppedError() : new UnknownMemberError();
  }

  private create(name: string): Group {
    if (this.groups.size >= this.limits.maxGroups) {
      throw new GroupFullError(`there are ${this.limits.maxGroups} groups; ${raise('maxGroups')}`);
    }
    const group: Group = new Group(this.limits.maxGroupMembers, this.past.get(name) ?? 0, {
      shared: (generation) => this.onShared(name, generation),
      unused: () => this.end(name, group),
    });
    this.past.delete(name);
    this.groups.set(name, group);
    return group;
  }

  private end(name: string, group: Group): void {
    if (this.groups.get(name) !== group) return;
    this.groups.delete(name);
    if (group.generation === 0) return;
    this.past.set(name, group.generation);
    if (this.past.size > this.limits.maxGroups) this.past.delete(this.past.keys().next().value!);
  }

  /** @param wanted bytes of what one member tells, or of its share */
  private assertRoomFor(wanted: number): void {
    if (wanted > MAX_MEMBER_BYTES) throw new GroupFullError('what is said of one member is too much');
    this.bytesAtMost += wanted;
    if (this.bytesAtMost <= MAX_BYTES) return;
    this.bytesAtMost = wanted;
    for (const group of this.groups.values()) this.bytesAtMost += group.bytes;
    if (this.bytesAtMost > MAX_BYTES)
      throw new GroupFullError('the members of all groups take too much memory');
  }
}

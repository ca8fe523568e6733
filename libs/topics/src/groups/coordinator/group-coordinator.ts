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

/** Bytes that the metadata and assignments of all members together may take. */
const MAX_BYTES = 128 * 1024 * 1024;
/** Bytes of one member's metadata, and of its assignment. */
const MAX_MEMBER_BYTES = 1024 * 1024;
/**
 * Assignment protocols one member may offer. Bounded because those of all members are compared with each
 * other.
 */
const MAX_PROTOCOLS = 100;

export interface CoordinatorLimits {
  /** Most groups with members. */
  readonly maxGroups: number;
  /** Most members of one group. */
  readonly maxGroupMembers: number;
}

/**
 * Tracks the members of every group and has one member of each, the leader, assign the partitions. It
 * implements Kafka's classic group protocol, for handlers inside the process and for clients of any listener
 * alike.
 *
 * It stores no offsets, and its state does not survive a restart: members join again.
 *
 * @publicApi
 */
export class GroupCoordinator {
  private readonly groups = new Map<string, Group>();
  /** Last generation of groups that have ended, so that a new group of that name does not repeat one. */
  private readonly past = new Map<string, number>();
  private readonly holds = new GroupHolds();
  private isClosed = false;
  private takesRemote = true;
  /**
   * Upper bound of the bytes members take. Bytes of members that left still count until the limit seems
   * reached; then the sum is computed again.
   */
  private bytesAtMost = 0;

  /** @param onShared called when every member of a group has its assignment */
  constructor(
    private readonly limits: CoordinatorLimits,
    private readonly onShared: (group: string, generation: number) => void = () => {},
  ) {}

  /** Names of the groups that have members. */
  names(): string[] {
    return [...this.groups].filter(([, { memberCount }]) => memberCount > 0).map(([name]) => name);
  }

  /** Number of members in a group; 0 for an unknown group. */
  memberCount(name: string): number {
    return this.groups.get(name)?.memberCount ?? 0;
  }

  /** Current state of a group; undefined if it has no members and no client holds an id to join with. */
  describe(name: string): MembershipView | undefined {
    return this.groups.get(name)?.describe();
  }

  /** Latest generation of a group; 0 if there was none since the start. */
  generation(name: string): number {
    return this.groups.get(name)?.generation ?? this.past.get(name) ?? 0;
  }

  /**
   * Joins a group. Resolves when all members have joined.
   * @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `MEMBER_ID_REQUIRED`, `FENCED_MEMBER`,
   *   `INCONSISTENT_GROUP_PROTOCOL`, `GROUP_FULL`, `REBALANCE_IN_PROGRESS` (join again),
   *   `COORDINATOR_STOPPED`
   */
  async join(name: string, request: JoinRequest): Promise<JoinResult> {
    // A local member checks for a hold itself, because it may have to stop while it waits.
    if (request.local === undefined) while (this.holds.of(name) !== undefined) await this.holds.of(name);
    if (this.isClosed || (request.local === undefined && !this.takesRemote)) {
      throw new CoordinatorStoppedError();
    }
    assertGroupName(name);
    const { protocols } = request;
    if (protocols.length > MAX_PROTOCOLS) {
      throw new InconsistentGroupProtocolError(`it offers more than ${MAX_PROTOCOLS} assignment protocols`);
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
   * Resolves with the member's assignment once the leader has made it.
   * @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `STALE_GENERATION`, `FENCED_MEMBER`,
   *   `INCONSISTENT_GROUP_PROTOCOL`, `REBALANCE_IN_PROGRESS` (join again), `GROUP_FULL` for assignments that
   *   are too large, `COORDINATOR_STOPPED`
   */
  async sync(name: string, request: SyncRequest): Promise<SyncResult> {
    const group = this.existing(name);
    for (const { assignment } of request.assignments) this.assertRoomFor(assignment.length);
    return group.sync(request);
  }

  /**
   * Keeps a member's session alive.
   * @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `STALE_GENERATION`, `FENCED_MEMBER`, `REBALANCE_IN_PROGRESS`,
   *   `COORDINATOR_STOPPED`
   */
  heartbeat(name: string, identity: MemberIdentity): void {
    this.existing(name).heartbeat(identity);
  }

  /**
   * Removes a member from its group.
   * @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `FENCED_MEMBER`, `COORDINATOR_STOPPED`
   */
  leave(name: string, member: Omit<MemberIdentity, 'generationId'>): void {
    this.existing(name).leave(member);
  }

  /**
   * Checks that the member may commit offsets. A request without a generation (-1) may commit only for a
   * group without members. An unknown group may have had members before a restart: such a member gets
   * `UNKNOWN_MEMBER` and joins again.
   * @throws `INVALID_GROUP`, `UNKNOWN_MEMBER`, `STALE_GENERATION`, `FENCED_MEMBER`, `REBALANCE_IN_PROGRESS`,
   *   `COORDINATOR_STOPPED`
   */
  assertMayCommit(name: string, identity: MemberIdentity): void {
    assertGroupName(name);
    const group = this.groups.get(name);
    if (group !== undefined) return group.assertMayCommit(identity);
    if (identity.generationId >= 0) this.existing(name);
  }

  /**
   * Runs `write`, which changes the offsets of a group without members. No member joins until it has ended: a
   * member that read its offsets earlier would start at the old ones, and its next commit would undo the
   * write.
   * @throws {GroupNotEmptyError} `GROUP_NOT_EMPTY` without calling `write`
   * @internal
   */
  async whileEmpty<T>(name: string, write: () => Promise<T>): Promise<T> {
    const members = this.memberCount(name);
    if (members > 0) throw new GroupNotEmptyError(name, members);
    return this.holds.during(name, write);
  }

  /** What a local member must await before it joins; undefined if it may join now. @internal */
  heldBack(name: string): Promise<unknown> | undefined {
    return this.holds.of(name);
  }

  /** Starts a rebalance, because the partitions to assign have changed. @internal */
  rebalance(name: string): void {
    this.groups.get(name)?.rebalance();
  }

  /**
   * Makes a static member that returns trigger a rebalance instead of resuming its previous assignment.
   * @internal
   */
  outdate(name: string): void {
    this.groups.get(name)?.outdate();
  }

  /** Keeps the place of a static member inside this process until its session times out. @internal */
  suspend(name: string, memberId: string): void {
    this.groups.get(name)?.suspend(memberId);
  }

  /**
   * Removes all remote members, fails their pending requests and accepts no new ones. Called when a listener
   * stops.
   */
  disconnectRemote(): void {
    this.takesRemote = false;
    for (const group of [...this.groups.values()]) group.disconnectRemote();
  }

  /** Fails all pending requests and accepts no new members. @internal */
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
      throw new GroupFullError(`there are ${this.limits.maxGroups} groups already; ${raise('maxGroups')}`);
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

  /** @param wanted bytes of one member's metadata, or of its assignment */
  private assertRoomFor(wanted: number): void {
    if (wanted > MAX_MEMBER_BYTES)
      throw new GroupFullError(`the metadata or assignment of one member exceeds ${MAX_MEMBER_BYTES} bytes`);
    this.bytesAtMost += wanted;
    if (this.bytesAtMost <= MAX_BYTES) return;
    this.bytesAtMost = wanted;
    for (const group of this.groups.values()) this.bytesAtMost += group.bytes;
    if (this.bytesAtMost > MAX_BYTES)
      throw new GroupFullError(`the metadata and assignments of all members exceed ${MAX_BYTES} bytes`);
  }
}

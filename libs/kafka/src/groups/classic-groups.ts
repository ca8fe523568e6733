import { ErrorCode } from '../protocol/error-codes.js';
import { ClassicGroup } from './classic-group.js';
import type {
  ClassicGroupDescription,
  ClassicGroupLimits,
  JoinRequest,
  JoinResult,
  MemberIdentity,
  SyncRequest,
  SyncResult,
} from './classic-group.types.js';
import { refusedJoin, refusedSync } from './group-answers.js';

/** Memory all members together may take with what they tell about themselves. */
const MAX_BYTES = 128 * 1024 * 1024;
/** What one member may tell about itself. */
const MAX_MEMBER_BYTES = 1024 * 1024;
const MAX_NAME_LENGTH = 255;

export interface ClassicGroupsLimits extends ClassicGroupLimits {
  readonly maxGroups: number;
}

/** Every group that has members; offsets are kept elsewhere. */
export class ClassicGroups {
  private readonly groups = new Map<string, ClassicGroup>();
  private isClosed = false;

  /** @param isTaken has the group members of another kind, which these cannot share with? */
  constructor(
    private readonly limits: ClassicGroupsLimits,
    private readonly isTaken: (group: string) => boolean,
  ) {}

  names(): string[] {
    return [...this.groups.keys()];
  }

  describe(name: string): ClassicGroupDescription | undefined {
    return this.groups.get(name)?.describe();
  }

  hasMembers(name: string): boolean {
    return (this.groups.get(name)?.memberCount ?? 0) > 0;
  }

  async join(name: string, request: JoinRequest): Promise<JoinResult> {
    const refuse = (errorCode: ErrorCode) => refusedJoin(errorCode, request.memberId);
    if (this.isClosed) return refuse(ErrorCode.NOT_COORDINATOR);
    if (!isGroupName(name)) return refuse(ErrorCode.INVALID_GROUP_ID);
    if (this.isTaken(name)) return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
    if (!this.hasRoomFor(request)) return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED);
    let group = this.groups.get(name);
    if (group === undefined) {
      if (request.memberId !== '') return refuse(ErrorCode.UNKNOWN_MEMBER_ID);
      if (this.groups.size >= this.limits.maxGroups) return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED);
      group = this.create(name);
    }
    const result = group.join(request);
    if (group.isUnused) this.groups.delete(name);
    return result;
  }

  async sync(name: string, request: SyncRequest): Promise<SyncResult> {
    return this.groups.get(name)?.sync(request) ?? refusedSync(this.unknown());
  }

  heartbeat(name: string, identity: MemberIdentity): ErrorCode {
    return this.groups.get(name)?.heartbeat(identity) ?? this.unknown();
  }

  leave(name: string, member: Omit<MemberIdentity, 'generationId'>): ErrorCode {
    return this.groups.get(name)?.leave(member) ?? this.unknown();
  }

  /** Whoever names no generation commits for a group without members. */
  checkCommit(name: string, identity: MemberIdentity): ErrorCode {
    const group = this.groups.get(name);
    if (group !== undefined) return group.checkCommit(identity);
    return identity.generationId < 0 && !this.isTaken(name) ? ErrorCode.NONE : this.unknown();
  }

  /** Answers whoever waits, and takes no more members. */
  close(): void {
    this.isClosed = true;
    for (const group of this.groups.values()) group.close();
    this.groups.clear();
  }

  private create(name: string): ClassicGroup {
    const group = new ClassicGroup(this.limits, () => {
      if (this.groups.get(name) === group) this.groups.delete(name);
    });
    this.groups.set(name, group);
    return group;
  }

  private unknown(): ErrorCode {
    return this.isClosed ? ErrorCode.NOT_COORDINATOR : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  private hasRoomFor({ protocols }: JoinRequest): boolean {
    let wanted = 0;
    for (const { name, metadata } of protocols) wanted += name.length + metadata.length;
    if (wanted > MAX_MEMBER_BYTES) return false;
    // Summed up only for members that tell a lot: small ones are bounded by their number.
    if (wanted <= 16 * 1024) return true;
    let bytes = 0;
    for (const group of this.groups.values()) bytes += group.bytes;
    return bytes + wanted <= MAX_BYTES;
  }
}

export function isGroupName(name: string): boolean {
  if (name.length === 0 || name.length > MAX_NAME_LENGTH) return false;
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) < 0x20 || name.charCodeAt(i) === 0x7f) return false;
  }
  return true;
}

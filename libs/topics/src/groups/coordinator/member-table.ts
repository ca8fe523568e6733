import type { MemberProtocol } from './membership.types.js';
import type { GroupMember } from './group-member.js';

/** The members of a group in the order they joined, and their votes. */
export class MemberTable {
  private readonly byId = new Map<string, GroupMember>();
  private readonly byInstance = new Map<string, GroupMember>();

  get size(): number {
    return this.byId.size;
  }

  [Symbol.iterator](): IterableIterator<GroupMember> {
    return this.byId.values();
  }

  get(memberId: string): GroupMember | undefined {
    return this.byId.get(memberId);
  }

  static(groupInstanceId: string | null): GroupMember | undefined {
    return groupInstanceId === null ? undefined : this.byInstance.get(groupInstanceId);
  }

  add(member: GroupMember): void {
    this.byId.set(member.memberId, member);
    if (member.groupInstanceId !== null) this.byInstance.set(member.groupInstanceId, member);
  }

  remove(member: GroupMember): void {
    member.forget();
    this.byId.delete(member.memberId);
    const { groupInstanceId } = member;
    if (groupInstanceId !== null && this.byInstance.get(groupInstanceId) === member) {
      this.byInstance.delete(groupInstanceId);
    }
  }

  /** Whether all members, except one that is being replaced, support one of these protocols. */
  accepts(protocols: readonly MemberProtocol[], except?: GroupMember): boolean {
    const others = [...this].filter((member) => member !== except);
    return protocols.some(({ name }) => others.every((member) => knows(member, name)));
  }

  /** The protocol with the most votes among those that all members support. */
  elect(): string {
    const known = new Map<string, number>();
    for (const { protocols } of this) {
      for (const name of new Set(protocols.map((protocol) => protocol.name))) {
        known.set(name, (known.get(name) ?? 0) + 1);
      }
    }
    const votes = new Map<string, number>();
    for (const { protocols } of this) {
      const vote = protocols.find(({ name }) => known.get(name) === this.size)?.name;
      if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1);
    }
    return [...votes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? '';
  }
}

function knows(member: GroupMember, protocol: string): boolean {
  return member.protocols.some(({ name }) => name === protocol);
}

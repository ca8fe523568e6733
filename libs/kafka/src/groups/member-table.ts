import type { MemberProtocol } from './classic-group.types.js';
import type { ClassicMember } from './classic-member.js';

/** The members of a group in the order they came, and their votes. */
export class MemberTable {
  private readonly byId = new Map<string, ClassicMember>();
  private readonly byInstance = new Map<string, ClassicMember>();

  get size(): number {
    return this.byId.size;
  }

  [Symbol.iterator](): IterableIterator<ClassicMember> {
    return this.byId.values();
  }

  get(memberId: string): ClassicMember | undefined {
    return this.byId.get(memberId);
  }

  static(groupInstanceId: string | null): ClassicMember | undefined {
    return groupInstanceId === null ? undefined : this.byInstance.get(groupInstanceId);
  }

  add(member: ClassicMember): void {
    this.byId.set(member.memberId, member);
    if (member.groupInstanceId !== null) this.byInstance.set(member.groupInstanceId, member);
  }

  remove(member: ClassicMember): void {
    member.forget();
    this.byId.delete(member.memberId);
    const { groupInstanceId } = member;
    if (groupInstanceId !== null && this.byInstance.get(groupInstanceId) === member) {
      this.byInstance.delete(groupInstanceId);
    }
  }

  /** Is there a protocol that these and all members (but one that is being replaced) know? */
  accepts(protocols: readonly MemberProtocol[], except?: ClassicMember): boolean {
    const others = [...this].filter((member) => member !== except);
    return protocols.some(({ name }) => others.every((member) => knows(member, name)));
  }

  /** The protocol all members know that most of them like best. */
  elect(): string {
    const all = [...this];
    const votes = new Map<string, number>();
    for (const member of all) {
      const vote = member.protocols.find(({ name }) => all.every((other) => knows(other, name)))?.name;
      if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1);
    }
    return [...votes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? '';
  }
}

function knows(member: ClassicMember, protocol: string): boolean {
  return member.protocols.some(({ name }) => name === protocol);
}

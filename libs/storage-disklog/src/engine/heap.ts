/** A member of a {@link Heap}, which knows whether it comes before another. */
export interface Ranked<T> {
  isBefore(other: T): boolean;
}

/** A binary heap in which only the first member may change. */
export class Heap<T extends Ranked<T>> {
  private readonly members: T[] = [];

  get top(): T | undefined {
    return this.members[0];
  }

  /** The member that would be first if the first were gone. */
  get second(): T | undefined {
    const { members } = this;
    const [, left, right] = members;
    return right?.isBefore(left!) === true ? right : left;
  }

  push(member: T): void {
    const { members } = this;
    let at = members.push(member) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!member.isBefore(members[parent]!)) break;
      members[at] = members[parent]!;
      at = parent;
    }
    members[at] = member;
  }

  /** Removes the first member. */
  pop(): void {
    const last = this.members.pop()!;
    if (this.members.length === 0) return;
    this.members[0] = last;
    this.sink();
  }

  /** Restores the order after the first member has changed. */
  sink(): void {
    const { members } = this;
    const member = members[0]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= members.length) break;
      if (child + 1 < members.length && members[child + 1]!.isBefore(members[child]!)) child++;
      if (!members[child]!.isBefore(member)) break;
      members[at] = members[child]!;
      at = child;
    }
    members[at] = member;
  }
}

/** Groups whose offsets somebody writes who is no member: until that is over nobody joins them. */
export class GroupHolds {
  private readonly held = new Map<string, Promise<unknown>>();

  /** Holds a group until the action has ended, which is begun at once. */
  async during<T>(group: string, action: () => Promise<T>): Promise<T> {
    const result = action();
    const ended = Promise.allSettled([this.held.get(group), result]);
    this.held.set(group, ended);
    try {
      return await result;
    } finally {
      if (this.held.get(group) === ended) this.held.delete(group);
    }
  }

  /** What to await before joining; undefined where nothing holds the group. Look again after it. */
  of(group: string): Promise<unknown> | undefined {
    return this.held.get(group);
  }
}

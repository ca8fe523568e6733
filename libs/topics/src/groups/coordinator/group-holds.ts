/**
 * Groups whose offsets are being written from outside the group. No member joins such a group until the write
 * has ended.
 */
export class GroupHolds {
  private readonly held = new Map<string, Promise<unknown>>();

  /** Runs the action at once and holds the group until it has ended. */
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

  /** What to await before joining; undefined if the group is not held. Check again afterwards. */
  of(group: string): Promise<unknown> | undefined {
    return this.held.get(group);
  }
}

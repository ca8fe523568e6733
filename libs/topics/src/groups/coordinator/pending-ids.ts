/** Member ids that were given out and have not joined yet; each is forgotten after a session's time. */
export class PendingIds {
  private readonly timers = new Map<string, NodeJS.Timeout>();

  /** @param onGone told when an id was forgotten by time */
  constructor(private readonly onGone: () => void) {}

  get size(): number {
    return this.timers.size;
  }

  has(memberId: string): boolean {
    return this.timers.has(memberId);
  }

  add(memberId: string, timeoutMs: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(memberId);
      this.onGone();
    }, timeoutMs).unref();
    this.timers.set(memberId, timer);
  }

  /** Was it there? */
  remove(memberId: string): boolean {
    clearTimeout(this.timers.get(memberId));
    return this.timers.delete(memberId);
  }

  clear(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }
}

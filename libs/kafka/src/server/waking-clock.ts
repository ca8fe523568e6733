/**
 * A monotonic clock for client deadlines. It stands still while the process does (a frozen container, a burst of work),
 * because bytes that clients sent meanwhile lie unread in the sockets.
 */
export class WakingClock {
  private passed = 0;
  private lookedAt = performance.now();

  /** @param stallMs a longer time between two ticks counts as this long: the process was held up */
  constructor(private readonly stallMs: number) {}

  /** Milliseconds that the process was awake, since an arbitrary moment. */
  now(): number {
    return this.passed + Math.min(performance.now() - this.lookedAt, this.stallMs);
  }

  /** Must be called regularly, more often than every `stallMs`. */
  tick(): void {
    const now = performance.now();
    this.passed += Math.min(now - this.lookedAt, this.stallMs);
    this.lookedAt = now;
  }
}

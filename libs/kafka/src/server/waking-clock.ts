/**
 * Time for the deadlines of clients. It stands still while this process does (a container that was frozen, a burst of
 * work): what clients sent meanwhile lies unread in the sockets. Nor does it jump with the clock of the system.
 */
export class WakingClock {
  private passed = 0;
  private lookedAt = performance.now();

  /** @param stallMs longer than this nobody but a process that was held up takes between two ticks */
  constructor(private readonly stallMs: number) {}

  /** Milliseconds since some moment, as far as the process was awake. */
  now(): number {
    return this.passed + Math.min(performance.now() - this.lookedAt, this.stallMs);
  }

  /** To be called regularly. */
  tick(): void {
    const now = performance.now();
    this.passed += Math.min(now - this.lookedAt, this.stallMs);
    this.lookedAt = now;
  }
}

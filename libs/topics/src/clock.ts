/** The time source of topics and consumers; tests use `ManualClock` of `@genrocks/topics/testing`. */
export interface Clock {
  /** Milliseconds since 1970, for the timestamps of messages. Jumps when the machine's clock is set. */
  now(): number;
  /** Milliseconds since a fixed moment, for measuring durations. Unaffected when the machine's clock is set. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, or as soon as the signal aborts. Never rejects. */
  sleep(ms: number, signal: AbortSignal, options?: SleepOptions): Promise<void>;
}

/** How {@link Clock.sleep} pauses. */
export interface SleepOptions {
  /**
   * The pause is a time limit on something else: it does not keep the process alive, and a test that moves from pause to
   * pause skips it. Default false.
   */
  readonly deadline?: boolean;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(ms, signal, { deadline = false } = {}) {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      // Not `setTimeout` of node:timers/promises: fake timers of test runners do not replace that one.
      const timer = setTimeout(end, ms);
      if (deadline) timer.unref();
      signal.addEventListener('abort', end, { once: true });
    });
  },
};

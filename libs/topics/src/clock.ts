/** Time as topics and their consumers see it: a test may bring its own (`ManualClock` of `@genrocks/topics/testing`). */
export interface Clock {
  /** Milliseconds since 1970: what a message is stamped with. Whoever sets the machine's clock makes it jump. */
  now(): number;
  /** Milliseconds since some moment, which no setting of the clock moves: what durations are measured with. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, or as soon as the signal aborts. Never rejects. */
  sleep(ms: number, signal: AbortSignal, options?: SleepOptions): Promise<void>;
}

/** How a pause is made. */
export interface SleepOptions {
  /**
   * Nobody waits for the end of it, which is only there for the case that something else does not come in time: it does
   * not keep the process alive, and a test that moves from pause to pause passes it over. Default false.
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
      // Not that of node:timers/promises, which test runners with fake timers do not replace.
      const timer = setTimeout(end, ms);
      if (deadline) timer.unref();
      signal.addEventListener('abort', end, { once: true });
    });
  },
};

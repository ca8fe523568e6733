interface Waiter {
  readonly offset: number;
  end(hasData: boolean): void;
}

/** Readers that wait for a partition to grow. A wait that has ended leaves nothing behind. */
export class DataWaiters {
  private readonly waiting = new Set<Waiter>();
  /**
   * Called on every change. The array is replaced, never mutated, so that a follower may leave during a call.
   */
  private followers: readonly (() => void)[] = [];

  get size(): number {
    return this.waiting.size;
  }

  /**
   * Resolves true once the partition has grown past `offset`, false if `waitMs` or the signal ends the wait
   * first.
   */
  wait(offset: number, waitMs: number | undefined, signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted === true || (waitMs !== undefined && waitMs <= 0)) return Promise.resolve(false);
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const end = (hasData: boolean) => {
        this.waiting.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        resolve(hasData);
      };
      const abort = () => end(false);
      const waiter: Waiter = { offset, end };
      this.waiting.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
      // Node's timers overflow at 2^31 ms and then fire at once.
      if (waitMs !== undefined && waitMs <= 0x7fffffff) timer = setTimeout(() => end(false), waitMs);
    });
  }

  /** Calls `notify` on every {@link wake} and {@link endAll}, until the returned function is called. */
  follow(notify: () => void): () => void {
    this.followers = [...this.followers, notify];
    return () => {
      this.followers = this.followers.filter((one) => one !== notify);
    };
  }

  wake(endOffset: number): void {
    if (this.waiting.size > 0) {
      for (const waiter of this.waiting) if (waiter.offset < endOffset) waiter.end(true);
    }
    for (const notify of this.followers) notify();
  }

  /** Ends every wait, because the partition closes. */
  endAll(): void {
    for (const waiter of this.waiting) waiter.end(false);
    for (const notify of this.followers) notify();
  }
}

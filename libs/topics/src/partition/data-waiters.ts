interface Waiter {
  readonly offset: number;
  end(hasData: boolean): void;
}

/** Readers that wait for a partition to grow. Nothing is kept of a wait once it has ended. */
export class DataWaiters {
  private readonly waiting = new Set<Waiter>();

  get size(): number {
    return this.waiting.size;
  }

  /** True once the partition has grown past `offset`, false when time or signal ended the wait first. */
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
      // Timers of Node overflow at 2^31 ms and then fire at once.
      if (waitMs !== undefined && waitMs <= 0x7fffffff) timer = setTimeout(() => end(false), waitMs);
    });
  }

  wake(endOffset: number): void {
    for (const waiter of this.waiting) if (waiter.offset < endOffset) waiter.end(true);
  }

  /** Ends every wait: the partition closes. */
  endAll(): void {
    for (const waiter of this.waiting) waiter.end(false);
  }
}

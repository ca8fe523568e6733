import { Fifo } from '../fifo.js';

interface Waiter {
  readonly wake: () => void;
  live: boolean;
}

/** Permits for the messages a member may hold at once, shared fairly by its partitions. */
export class FlightLimiter {
  private readonly waiting = new Fifo<Waiter>();

  constructor(private free: number) {}

  /**
   * Takes free permits without waiting, at most `wanted`; 0 if none is free or others are waiting already.
   */
  tryAcquire(wanted: number): number {
    if (this.waiting.length > 0) return 0;
    const taken = Math.min(wanted, this.free);
    this.free -= taken;
    return taken;
  }

  /**
   * Waits for a free permit. Returns how many were taken, at most `wanted`; 0 if the signal ended the wait.
   */
  async acquire(wanted: number, signal: AbortSignal): Promise<number> {
    while (this.free === 0 && !signal.aborted) await this.wait(signal);
    if (signal.aborted) {
      this.wakeNext();
      return 0;
    }
    const taken = Math.min(wanted, this.free);
    this.free -= taken;
    this.wakeNext();
    return taken;
  }

  release(permits: number): void {
    if (permits <= 0) return;
    this.free += permits;
    this.wakeNext();
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        live: true,
        wake: () => {
          waiter.live = false;
          signal.removeEventListener('abort', waiter.wake);
          resolve();
        },
      };
      signal.addEventListener('abort', waiter.wake, { once: true });
      this.waiting.push(waiter);
    });
  }

  private wakeNext(): void {
    while (this.free > 0) {
      const waiter = this.waiting.shift();
      if (waiter === undefined) return;
      if (!waiter.live) continue;
      waiter.wake();
      return;
    }
  }
}

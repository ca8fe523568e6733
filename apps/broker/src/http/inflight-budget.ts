import { patientTimeout } from '@genrocks/topics/listener';
import { ServerBusyError } from './http.errors.js';

/** Every request counts at least this much, so that the budget bounds their number too. */
export const MIN_REQUEST_COST = 4096;

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

/**
 * Bounds the bytes of requests in flight. A request reserves its size before its body is read and gives it back when
 * it is answered; while nothing is free, sockets are not read, so the wait costs the broker no memory. First come,
 * first served: a large request is not starved by small ones.
 */
export class InflightBudget {
  private used = 0;
  private readonly waiting: Waiter[] = [];

  constructor(readonly limit: number) {}

  /** Bytes reserved now. */
  get inUse(): number {
    return this.used;
  }

  /** Requests that wait for room. */
  get queued(): number {
    return this.waiting.length;
  }

  /**
   * Reserves bytes (never more than the whole budget) and returns the function that gives them back.
   * @throws `SERVER_BUSY` when there is no room within `timeoutMs`
   */
  async reserve(bytes: number, timeoutMs: number): Promise<() => void> {
    const cost = Math.min(Math.max(bytes, MIN_REQUEST_COST), this.limit);
    if (this.waiting.length > 0 || this.used + cost > this.limit) await this.waitForRoom(cost, timeoutMs);
    else this.used += cost;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.used -= cost;
      this.admitWaiting();
    };
  }

  private waitForRoom(bytes: number, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelTimeout = patientTimeout(timeoutMs, () => {
        this.waiting.splice(this.waiting.indexOf(waiter), 1);
        reject(new ServerBusyError(this.limit));
        this.admitWaiting();
      });
      const waiter: Waiter = {
        bytes,
        admit: () => {
          cancelTimeout();
          this.used += bytes;
          resolve();
        },
      };
      this.waiting.push(waiter);
    });
  }

  private admitWaiting(): void {
    while (this.waiting.length > 0 && this.used + this.waiting[0]!.bytes <= this.limit) {
      this.waiting.shift()!.admit();
    }
  }
}

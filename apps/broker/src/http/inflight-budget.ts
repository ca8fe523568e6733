import { patientTimeout } from '@genrocks/topics/listener';
import { ServerBusyError } from './http.errors.js';

/** Least number of bytes each request counts for, so that the budget also limits the number of requests. */
export const MIN_REQUEST_COST = 4096;

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

/**
 * Limits the bytes of requests in flight. A request reserves its size before its body is read, and releases it once it is
 * answered. While the budget is used up, sockets are not read, so waiting requests cost no memory. First come, first
 * served: small requests do not starve a large one.
 */
export class InflightBudget {
  private used = 0;
  private readonly waiting: Waiter[] = [];

  constructor(readonly limit: number) {}

  /** Bytes currently reserved. */
  get inUse(): number {
    return this.used;
  }

  /** Number of requests waiting for the budget. */
  get queued(): number {
    return this.waiting.length;
  }

  /**
   * Reserves bytes (never more than the whole budget) and returns a function that releases them.
   * @throws `SERVER_BUSY` if they cannot be reserved within `timeoutMs`
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

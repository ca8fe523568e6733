import type { Clock } from '../clock.js';
import type { Delivery, DeliveryOwner } from './delivery.js';

/** Time for a call to end after its signal has aborted. */
export const HANDLER_GRACE_MS = 5_000;

/** Notified of calls that take too long. */
export interface OverdueListener {
  /** The time of a call is over: abort its signal. */
  overdue(call: Delivery): void;
  /** The call has not ended within the grace period. */
  hangs(call: Delivery): void;
}

/** Watches a member's handler calls with a single timer. */
export class HandlerWatch {
  /** Running calls with their deadlines, in that order. */
  private readonly running = new Map<Delivery, number>();
  /** Calls whose signal has aborted, with the end of their grace period, in that order. */
  private readonly overdue = new Map<Delivery, number>();
  private readonly hanging = new Set<Delivery>();
  private readonly ending = new AbortController();
  private isWatching = false;

  constructor(
    private readonly limitMs: number,
    private readonly clock: Clock,
    private readonly listener: OverdueListener,
  ) {}

  /** Number of hanging calls, including those of earlier memberships. */
  get hangingCalls(): number {
    return this.hanging.size;
  }

  /** Resolves or rejects as the call does. */
  async during(result: PromiseLike<unknown>, call: Delivery): Promise<void> {
    this.running.set(call, this.clock.monotonic() + this.limitMs);
    if (!this.isWatching) void this.watch();
    try {
      await result;
    } finally {
      this.running.delete(call);
      this.overdue.delete(call);
      this.hanging.delete(call);
    }
  }

  /** Aborts the calls of a partition that was lost, and stops watching them. */
  giveUp(owner: DeliveryOwner): void {
    for (const calls of [this.running, this.overdue]) {
      for (const call of calls.keys()) {
        if (call.owner !== owner) continue;
        calls.delete(call);
        call.abort(owner.signal.reason);
      }
    }
  }

  end(): void {
    this.ending.abort();
  }

  private async watch(): Promise<void> {
    this.isWatching = true;
    const { signal } = this.ending;
    for (let due = this.next(); due !== undefined && !signal.aborted; due = this.next()) {
      const left = due - this.clock.monotonic();
      if (left > 0) await this.clock.sleep(left, signal, { deadline: true });
      else this.pass();
    }
    this.isWatching = false;
  }

  private next(): number | undefined {
    const dues = [this.running, this.overdue].flatMap((calls) => [...calls.values()].slice(0, 1));
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  private pass(): void {
    const now = this.clock.monotonic();
    for (const call of takeDue(this.overdue, now)) {
      this.hanging.add(call);
      this.listener.hangs(call);
    }
    for (const call of takeDue(this.running, now)) {
      this.overdue.set(call, now + HANDLER_GRACE_MS);
      this.listener.overdue(call);
    }
  }
}

function takeDue(calls: Map<Delivery, number>, now: number): Delivery[] {
  const due: Delivery[] = [];
  for (const [call, at] of calls) {
    if (at > now) break;
    calls.delete(call);
    due.push(call);
  }
  return due;
}

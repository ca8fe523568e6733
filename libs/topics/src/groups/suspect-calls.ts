import type { Clock } from '../clock.js';

/** Longest time a call makes others wait: a hanging call must not block other partitions for ever. */
const MAX_WAIT_MS = 30_000;

/** A handler call with a message that may have ended a process. */
export class SuspectCall {
  /** No other suspect call has run beside it so far: if the process ends now, this call is blamed. */
  isAlone = false;

  /**
   * @param isAccused the message was in its handler when an earlier process ended
   * @param onCompany called when another call starts beside it; resolves when it is recorded that the call is
   *   not alone
   */
  constructor(
    readonly isAccused: boolean,
    readonly onCompany: () => Promise<void>,
  ) {}
}

interface Waiter {
  readonly call: SuspectCall;
  admit(): void;
}

/**
 * The suspect calls of a service, over all partitions and groups. If several are running when the process
 * ends, it is not known which was the cause. So all of them are accused, and accused messages run alone, one
 * by one in the order they arrive.
 */
export class SuspectCalls {
  /** Running calls with their start times. */
  private readonly running = new Map<SuspectCall, number>();
  private readonly waiting: Waiter[] = [];
  private isWatching = false;
  private readonly never = new AbortController();

  constructor(private readonly clock: Clock) {}

  /**
   * Resolves when the call may start and it is recorded that others are not alone any more, or when
   * `stopping` aborts.
   */
  begin(call: SuspectCall, stopping: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (stopping.aborted) return resolve();
      const stop = () => {
        this.waiting.splice(this.waiting.indexOf(waiter), 1);
        resolve();
        this.admit();
      };
      const admit = () => {
        stopping.removeEventListener('abort', stop);
        resolve(this.enter(call));
      };
      const waiter = { call, admit };
      stopping.addEventListener('abort', stop, { once: true });
      this.waiting.push(waiter);
      this.admit();
    });
  }

  /** The call has ended, was abandoned, or never started. */
  end(call: SuspectCall): void {
    if (this.running.delete(call)) this.admit();
  }

  private async enter(call: SuspectCall): Promise<void> {
    const others = [...this.running.keys()];
    this.running.set(call, this.clock.monotonic());
    call.isAlone = others.length === 0;
    const misled = others.filter(({ isAlone }) => isAlone);
    for (const other of misled) other.isAlone = false;
    await Promise.all(misled.map((other) => other.onCompany()));
  }

  private admit(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.isBlocked(next.call)) break;
      this.waiting.shift();
      next.admit();
    }
    if (this.waiting.length > 0 && !this.isWatching) void this.watch();
  }

  private isBlocked({ isAccused }: SuspectCall): boolean {
    const now = this.clock.monotonic();
    return [...this.running].some(
      ([other, began]) => began + MAX_WAIT_MS > now && (isAccused || other.isAccused),
    );
  }

  /** Admits calls when the running ones have blocked them for the longest time allowed. */
  private async watch(): Promise<void> {
    this.isWatching = true;
    while (this.waiting.length > 0) {
      const now = this.clock.monotonic();
      const left = [...this.running.values()].map((began) => began + MAX_WAIT_MS - now);
      const next = Math.min(...left.filter((ms) => ms > 0));
      if (next < Infinity) await this.clock.sleep(next, this.never.signal, { deadline: true });
      this.admit();
    }
    this.isWatching = false;
  }
}

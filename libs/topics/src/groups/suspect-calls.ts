import type { Clock } from '../clock.js';

/** How long a call has others wait: one that hangs must not stop other partitions for ever. */
const MAX_WAIT_MS = 30_000;

/** A call of a handler with a message by which a process may have ended. */
export class SuspectCall {
  /** No other has run beside it so far: if the process ends now, it was this one. */
  isAlone = false;

  /**
   * @param isAccused the message was in its handler before when a process ended
   * @param onCompany another begins beside it; resolves when it is written down that it is not alone
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
 * The calls of handlers, over all partitions and groups of a service, with messages by which a process may have ended. Of
 * several that run when it ends one cannot tell which it was. So they are all accused, and who is accused runs alone: one
 * by one, in the order they come.
 */
export class SuspectCalls {
  /** Each with the time it began. */
  private readonly running = new Map<SuspectCall, number>();
  private readonly waiting: Waiter[] = [];
  private isWatching = false;
  private readonly never = new AbortController();

  constructor(private readonly clock: Clock) {}

  /** Resolves when the call may begin, and others know that they are not alone any more; or as soon as it is not to begin. */
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

  /** It has ended, or counts for nothing any more, or never began. */
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

  /** Admits those for whom the wait is over by time. */
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

import type { SchedulerLike } from 'rxjs';
import type { Clock, SleepOptions } from '../clock.js';
import { ClockScheduler } from './clock-scheduler.js';

interface Sleeper {
  readonly due: number;
  readonly deadline: boolean;
  wake(): void;
}

/**
 * A clock that stands still until a test moves it, so that pauses between retries cost a test no time.
 *
 * @example
 * const clock = new ManualClock();
 * // TopicsModule.forRoot({ storage, clock })
 * await clock.advance(30_000);
 *
 * @publicApi
 */
export class ManualClock implements Clock {
  private readonly sleepers = new Set<Sleeper>();
  private readonly watchers = new Set<() => void>();
  private offset = 0;
  /** This clock as an RxJS scheduler: `topic.observe().pipe(bufferTime(60_000, clock.scheduler))`. */
  readonly scheduler: SchedulerLike = new ClockScheduler(this);

  /** @param time the initial time, in milliseconds since 1970 */
  constructor(private time = Date.UTC(2000, 0, 1)) {}

  now(): number {
    return this.time + this.offset;
  }

  monotonic(): number {
    return this.time;
  }

  /** Sets what {@link now} returns, as an operator or NTP sets a machine's clock. Pauses are unaffected. */
  set(time: number): void {
    this.offset = time - this.time;
  }

  sleep(ms: number, signal: AbortSignal, { deadline = false }: SleepOptions = {}): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.sleepers.delete(sleeper);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { due: this.time + ms, deadline, wake };
      this.sleepers.add(sleeper);
      signal.addEventListener('abort', wake, { once: true });
      for (const watcher of this.watchers) watcher();
    });
  }

  /** Number of pauses in progress. Deadlines, such as the time limit of handlers, do not count. */
  get sleeping(): number {
    let pauses = 0;
    for (const { deadline } of this.sleepers) if (!deadline) pauses++;
    return pauses;
  }

  /** Resolves as soon as this many pauses are in progress. */
  async untilSleeping(count = 1): Promise<void> {
    while (this.sleeping < count) {
      await new Promise<void>((resolve) => {
        const watcher = () => {
          this.watchers.delete(watcher);
          resolve();
        };
        this.watchers.add(watcher);
      });
    }
  }

  /**
   * Moves time on, and ends the pauses and deadlines that are over by then, in order. The code that they wake runs before
   * this resolves, unless it waits for I/O. New pauses that are over by then end too.
   */
  async advance(ms: number): Promise<void> {
    const until = this.time + ms;
    for (let next = this.next(until); next !== undefined; next = this.next(until)) {
      this.time = Math.max(this.time, next.due);
      next.wake();
      await settled();
    }
    this.time = until;
    await settled();
  }

  /** Moves time on to the end of the first pause, ignoring deadlines. Does nothing if there is no pause. */
  async advanceToNext(): Promise<void> {
    const next = this.next(Infinity, false);
    if (next !== undefined) await this.advance(Math.max(0, next.due - this.time));
  }

  private next(until: number, deadlines = true): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.sleepers) {
      if (sleeper.deadline && !deadlines) continue;
      if (sleeper.due <= until && (next === undefined || sleeper.due < next.due)) next = sleeper;
    }
    return next;
  }
}

/** The real `setImmediate`, even if a test installs fake timers. */
const nextTurn = setImmediate;

async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => nextTurn(resolve));
}

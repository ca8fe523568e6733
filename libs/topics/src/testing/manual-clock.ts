import type { SchedulerLike } from 'rxjs';
import type { Clock, SleepOptions } from '../clock.js';
import { ClockScheduler } from './clock-scheduler.js';

interface Sleeper {
  readonly due: number;
  readonly deadline: boolean;
  wake(): void;
}

/**
 * Time that stands still until a test moves it: pauses between retries cost a test nothing.
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
  /** This time for operators of RxJS: `topic.observe().pipe(bufferTime(60_000, clock.scheduler))`. */
  readonly scheduler: SchedulerLike = new ClockScheduler(this);

  /** @param time to begin with, ms since 1970 */
  constructor(private time = Date.UTC(2000, 0, 1)) {}

  now(): number {
    return this.time + this.offset;
  }

  monotonic(): number {
    return this.time;
  }

  /** Sets what {@link now} tells, as an operator or NTP sets a machine's clock: no pause ends sooner or later for it. */
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

  /** Pauses under way; deadlines that will hardly be reached, as those of handlers, are none. */
  get sleeping(): number {
    let pauses = 0;
    for (const { deadline } of this.sleepers) if (!deadline) pauses++;
    return pauses;
  }

  /** Resolves as soon as this many pauses are under way. */
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
   * Moves time on, and ends the pauses and deadlines that are over by then, in their order. What they wake runs before this
   * resolves, as far as it waits for nothing but memory; a pause it begins that is over by then ends too.
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

  /** Moves time on to the end of the pause that ends first, deadlines aside; does nothing where there is none. */
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

/** The real one, whatever fake timers a test has put in its place. */
const nextTurn = setImmediate;

async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => nextTurn(resolve));
}

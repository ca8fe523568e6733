import { type SchedulerAction, type SchedulerLike, Subscription } from 'rxjs';
import type { Clock } from '../clock.js';

type Work<T> = (this: SchedulerAction<T>, state?: T) => void;

/** An RxJS scheduler on a {@link Clock}: `bufferTime(60_000, clock.scheduler)`. */
export class ClockScheduler implements SchedulerLike {
  constructor(private readonly clock: Clock) {}

  now(): number {
    return this.clock.now();
  }

  schedule<T>(work: Work<T>, delay = 0, state?: T): Subscription {
    return new ClockAction(this.clock, work).schedule(state, delay);
  }
}

/** Scheduled work, which may schedule itself again while it runs. */
class ClockAction<T> extends Subscription implements SchedulerAction<T> {
  private pending: AbortController | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly work: Work<T>,
  ) {
    super(() => this.pending?.abort());
  }

  schedule(state?: T, delay = 0): Subscription {
    if (this.closed) return this;
    this.pending?.abort();
    const own = (this.pending = new AbortController());
    void this.clock.sleep(delay, own.signal).then(() => {
      if (!own.signal.aborted) this.work.call(this, state);
    });
    return this;
  }
}

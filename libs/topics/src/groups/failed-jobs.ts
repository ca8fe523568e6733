import { DeliveryInterruptedError } from '../delivery-errors.js';
import type { ConsumerEnvironment } from './consumer-environment.js';
import type { DeliveryQueue, Job } from './delivery-queue.js';
import type { Failures } from './failures.js';
import type { TaskSet } from './task-set.js';
import type { Entry } from './unfinished.js';

/** Whose messages failed. @internal */
export interface FailureOwner {
  /** Nothing it still does counts. */
  readonly hasEnded: boolean;
  /** Calls the handler with one message. @throws what the handler does, or what it gave the message back with */
  handleAlone(entry: Entry): Promise<void>;
  givenUp(entry: Entry): void;
  /** There may be something to handle. */
  wake(): void;
}

/** Has messages whose handler failed handled again after their pause, and gives up those that have no tries left. */
export class FailedJobs {
  constructor(
    private readonly environment: ConsumerEnvironment,
    private readonly queue: DeliveryQueue,
    private readonly failures: Failures,
    private readonly tasks: TaskSet,
    private readonly stopping: AbortSignal,
    private readonly owner: FailureOwner,
  ) {}

  /**
   * @param named the handler told which messages failed; otherwise any of a batch may be the one
   * @returns undefined where the handler's place is free at once
   */
  failed(
    job: Job,
    left: Entry[],
    errorOf: (entry: Entry) => unknown,
    named: boolean,
  ): Promise<void> | undefined {
    this.queue.narrow(job, left);
    if (left.length === 0) return undefined;
    this.queue.hold(job);
    const { pauseMs, over } = this.failures.judge(left, errorOf);
    if (over.length > 1 && !named) return this.oneByOne(job);
    this.tasks.add(this.after(job, pauseMs, over, errorOf));
    return undefined;
  }

  /** Gives up a message that too many did not survive, without another try. */
  interrupted(job: Job, entry: Entry): void {
    const { group } = this.environment.options;
    const error = new DeliveryInterruptedError(group, entry.message, entry.interrupted);
    this.queue.hold(job);
    this.tasks.add(this.after(job, 0, [entry], () => error));
  }

  /** Gives up what is over, and has the rest handled again after its pause. */
  private async after(
    job: Job,
    pauseMs: number,
    over: readonly Entry[],
    errorOf: (entry: Entry) => unknown,
  ): Promise<void> {
    for (const entry of over) await this.bury(entry, errorOf(entry));
    this.queue.narrow(
      job,
      job.entries.filter((entry) => !over.includes(entry)),
    );
    if (job.entries.length > 0) {
      await this.environment.clock.sleep(pauseMs, this.stopping);
      this.queue.retry(job);
    }
    this.owner.wake();
  }

  /** A batch has no tries left: every message gets one of its own, so that only the bad ones are given up. */
  private async oneByOne(job: Job): Promise<void> {
    for (const entry of job.entries) {
      if (this.stopping.aborted) return;
      try {
        await this.owner.handleAlone(entry);
      } catch (error) {
        if (entry.done || this.owner.hasEnded) continue;
        this.failures.judge([entry], () => error);
        await this.bury(entry, error);
      }
    }
    this.queue.release(job);
  }

  private async bury(entry: Entry, error: unknown): Promise<void> {
    if (await this.failures.bury(entry, error)) this.owner.givenUp(entry);
  }
}

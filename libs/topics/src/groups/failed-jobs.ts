import { DeliveryInterruptedError } from '../delivery-errors.js';
import type { ConsumerEnvironment } from './consumer-environment.js';
import type { DeliveryQueue, Job } from './delivery-queue.js';
import type { Failures } from './failures.js';
import type { TaskSet } from './task-set.js';
import type { Entry } from './unfinished.js';

/** The consumer whose messages failed. @internal */
export interface FailureOwner {
  /** Nothing the consumer still does is committed. */
  readonly hasEnded: boolean;
  /**
   * Calls the handler with one message.
   * @throws what the handler throws or passes to `nack`
   */
  handleAlone(entry: Entry): Promise<void>;
  givenUp(entry: Entry): void;
  /** Tells the consumer that there may be something to handle. */
  wake(): void;
}

/** Retries failed messages after their pause, and gives up on those without tries left. */
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
   * @param named the handler stated which messages failed; otherwise it may be any message of the batch
   * @returns undefined if the next handler may start at once
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

  /** Gives up on a message without another try, because too many of its tries were interrupted. */
  interrupted(job: Job, entry: Entry): void {
    const { group } = this.environment.options;
    const error = new DeliveryInterruptedError(group, entry.message, entry.interrupted);
    this.queue.hold(job);
    this.tasks.add(this.after(job, 0, [entry], () => error));
  }

  /** Gives up on the messages in `over`, and retries the rest after the pause. */
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

  /**
   * The batch has no tries left. Tries every message on its own once, so that only the bad ones are given up
   * on.
   */
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

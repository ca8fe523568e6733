import { Fifo } from '../fifo.js';
import type { Entry } from './unfinished.js';

/** A key that a job holds exclusively. Other messages with this key wait here. */
interface Lane {
  readonly key: string;
  /** The job that holds the key now. */
  owner: Job | undefined;
  readonly waiting: Fifo<Entry>;
}

/** The messages of one handler call. */
export class Job {
  /** Keys the job holds. */
  lanes: Lane[] = [];
  constructor(public entries: Entry[]) {}
}

/** Returns the key whose order a message belongs to; undefined if it may overtake others and be overtaken. */
export type KeyOf = (entry: Entry) => string | undefined;

/** The key function for each `order`. */
export const KEY_OF: Readonly<Record<'key' | 'partition', KeyOf>> = {
  key: ({ message }) => message.key ?? undefined,
  partition: () => '',
};

/**
 * Decides what is handled next. A key is never in more than one job, so its messages keep their order through
 * retries, while other keys continue.
 */
export class DeliveryQueue {
  private readonly fresh = new Fifo<Entry>();
  /** Retries that are due. */
  private readonly due = new Fifo<Job>();
  /** Keys that were released and have waiting messages. */
  private readonly freed = new Fifo<Lane>();
  private readonly lanes = new Map<string, Lane>();

  /**
   * @param exclusive jobs may overlap, so a job holds its keys from the start, not only once it has failed
   */
  constructor(
    private readonly keyOf: KeyOf,
    private readonly exclusive: boolean,
  ) {}

  push(entry: Entry): void {
    this.fresh.push(entry);
  }

  /** The next job, of at most `limit` messages; undefined if every remaining message waits for a key. */
  take(limit: number): Job | undefined {
    const retry = this.due.shift();
    if (retry !== undefined) return retry;
    const job = new Job([]);
    this.takeFreed(job, limit);
    this.takeFresh(job, limit);
    return job.entries.length === 0 ? undefined : job;
  }

  /** Keeps the keys of a job that failed and will be retried, until {@link release}. */
  hold(job: Job): void {
    for (const entry of job.entries) {
      const key = this.keyOf(entry);
      // The key is held already: by this job for an earlier message, or by another job if the failure was
      // reported late.
      if (key === undefined || this.lanes.has(key)) continue;
      this.open(key, job);
    }
  }

  /** Queues a held job whose pause is over. */
  retry(job: Job): void {
    this.due.push(job);
  }

  /** Keeps only these messages in the job and releases the keys that none of them has. */
  narrow(job: Job, entries: Entry[]): void {
    job.entries = entries;
    if (job.lanes.length === 0) return;
    const keys = new Set(entries.map(this.keyOf));
    const lanes = job.lanes;
    job.lanes = lanes.filter(({ key }) => keys.has(key));
    for (const lane of lanes) if (!keys.has(lane.key)) this.close(lane);
  }

  release(job: Job): void {
    if (job.lanes.length === 0) return;
    for (const lane of job.lanes) this.close(lane);
    job.lanes = [];
  }

  private takeFreed(job: Job, limit: number): void {
    while (job.entries.length < limit) {
      const lane = this.freed.shift();
      if (lane === undefined) return;
      lane.owner = job;
      job.lanes.push(lane);
      this.takeWaiting(job, lane, limit);
    }
  }

  private takeWaiting(job: Job, lane: Lane, limit: number): void {
    while (job.entries.length < limit) {
      const entry = lane.waiting.shift();
      if (entry === undefined) return;
      job.entries.push(entry);
    }
  }

  private takeFresh(job: Job, limit: number): void {
    while (job.entries.length < limit) {
      const entry = this.fresh.shift();
      if (entry === undefined) return;
      // Decoding a key costs time. While jobs do not overlap and none has failed, keys are not needed.
      if (!this.exclusive && this.lanes.size === 0) {
        job.entries.push(entry);
        continue;
      }
      const key = this.keyOf(entry);
      const lane = key === undefined ? undefined : this.lanes.get(key);
      if (lane !== undefined && !(lane.owner === job && lane.waiting.length === 0)) {
        lane.waiting.push(entry);
        continue;
      }
      if (lane === undefined && key !== undefined && this.exclusive) this.open(key, job);
      job.entries.push(entry);
    }
  }

  private open(key: string, owner: Job): void {
    const lane: Lane = { key, owner, waiting: new Fifo() };
    this.lanes.set(key, lane);
    owner.lanes.push(lane);
  }

  private close(lane: Lane): void {
    lane.owner = undefined;
    if (lane.waiting.length === 0) this.lanes.delete(lane.key);
    else this.freed.push(lane);
  }
}

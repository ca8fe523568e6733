import { Fifo } from '../fifo.js';
import type { Entry } from './unfinished.js';

/** Messages of one key: while it is in the table, some job has the key to itself, and others wait here. */
interface Lane {
  readonly key: string;
  /** The job that has the key now. */
  owner: Job | undefined;
  readonly waiting: Fifo<Entry>;
}

/** What one call of a handler gets. */
export class Job {
  /** Keys it has to itself. */
  lanes: Lane[] = [];
  constructor(public entries: Entry[]) {}
}

/** The key whose order a message belongs to; undefined where it may overtake and be overtaken. */
export type KeyOf = (entry: Entry) => string | undefined;

/** By what nothing is overtaken. */
export const KEY_OF: Readonly<Record<'key' | 'partition', KeyOf>> = {
  key: ({ message }) => message.key ?? undefined,
  partition: () => '',
};

/**
 * Decides what is handled next, so that of one key there is never more than one job, and its messages keep their
 * order through retries, while other keys go on.
 */
export class DeliveryQueue {
  private readonly fresh = new Fifo<Entry>();
  /** Retries whose pause is over. */
  private readonly due = new Fifo<Job>();
  /** Keys that are free again and have messages waiting. */
  private readonly freed = new Fifo<Lane>();
  private readonly lanes = new Map<string, Lane>();

  /** @param exclusive jobs overlap: a job has to hold its keys from the start, not only once it has failed */
  constructor(
    private readonly keyOf: KeyOf,
    private readonly exclusive: boolean,
  ) {}

  push(entry: Entry): void {
    this.fresh.push(entry);
  }

  /** The next job, of at most `limit` messages; undefined where all that is left waits for a key. */
  take(limit: number): Job | undefined {
    const retry = this.due.shift();
    if (retry !== undefined) return retry;
    const job = new Job([]);
    this.takeFreed(job, limit);
    this.takeFresh(job, limit);
    return job.entries.length === 0 ? undefined : job;
  }

  /** A job failed and is to be tried again: its keys wait for it until {@link release}. */
  hold(job: Job): void {
    for (const entry of job.entries) {
      const key = this.keyOf(entry);
      // Taken already: by this job for an earlier message, or by others if the failure was told late.
      if (key === undefined || this.lanes.has(key)) continue;
      this.open(key, job);
    }
  }

  /** The pause of a held job is over. */
  retry(job: Job): void {
    this.due.push(job);
  }

  /** Leaves only these messages in the job; keys that none of them has are free. */
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
      // Keys cost a decoding each; where nothing overlaps and nothing has failed, nobody asks for them.
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

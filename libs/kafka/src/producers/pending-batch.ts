import type { AppendClaim } from '@genrocks/topics';

/** Receives the outcome of a batch, before those that wait for it do. */
export interface PendingEnd {
  stored(baseOffset: number): void;
  /** Not called if the batch was dropped. */
  failed(error: unknown): void;
}

interface Waiting {
  readonly resolve: (baseOffset: number) => void;
  readonly reject: (error: unknown) => void;
}

/** A batch of an idempotent producer that is queued for the log. */
export class PendingBatch implements AppendClaim {
  private dropped: Error | undefined;
  private readonly waiting: Waiting[] = [];

  /** @param notBefore the end of the log when the batch joined the queue; its offset will not be lower */
  constructor(
    readonly epoch: number,
    readonly baseSequence: number,
    readonly records: number,
    readonly notBefore: number,
    private readonly end: PendingEnd,
  ) {}

  /** Resolves with the batch's offset once it is stored; rejects if it fails. */
  outcome(): Promise<number> {
    return new Promise((resolve, reject) => void this.waiting.push({ resolve, reject }));
  }

  /** An earlier batch of the producer failed, so this one must not be stored. */
  drop(reason: Error): void {
    this.dropped = reason;
  }

  refusal(): Error | undefined {
    return this.dropped;
  }

  stored(baseOffset: number): void {
    this.end.stored(baseOffset);
    for (const { resolve } of this.waiting) resolve(baseOffset);
  }

  failed(error: unknown): void {
    if (this.dropped === undefined) this.end.failed(error);
    for (const { reject } of this.waiting) reject(error);
  }
}

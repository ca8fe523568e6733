import type { AppendClaim } from '@genrocks/topics';

/** Hears how a batch ends, before whoever waits for it. */
export interface PendingEnd {
  stored(baseOffset: number): void;
  /** Not called where the batch was dropped. */
  failed(error: unknown): void;
}

interface Waiting {
  readonly resolve: (baseOffset: number) => void;
  readonly reject: (error: unknown) => void;
}

/** A batch of an idempotent producer on its way to the log. */
export class PendingBatch implements AppendClaim {
  private dropped: Error | undefined;
  private readonly waiting: Waiting[] = [];

  /** @param notBefore where the log ended when the batch joined the queue: it will lie at or after it */
  constructor(
    readonly epoch: number,
    readonly baseSequence: number,
    readonly records: number,
    readonly notBefore: number,
    private readonly end: PendingEnd,
  ) {}

  /** Where it lies, once it is stored; fails where it does. */
  outcome(): Promise<number> {
    return new Promise((resolve, reject) => void this.waiting.push({ resolve, reject }));
  }

  /** One before it has failed: it must not be stored. */
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

import { setTimeout as sleep } from 'node:timers/promises';

/** Pauses between tries: doubling from `initialMs` to `maxMs`, each cut by up to a fifth at random. */
export class Backoff {
  constructor(
    private readonly initialMs: number,
    private readonly maxMs: number,
  ) {}

  /** The pause after this many failed tries (from 1), in milliseconds. */
  delay(attempt: number): number {
    const full = Math.min(this.maxMs, this.initialMs * 2 ** Math.min(attempt - 1, 30));
    return Math.round(full * (1 - Math.random() * 0.2));
  }
}

/** Sleeps, or returns early when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

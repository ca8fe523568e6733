import { setTimeout as sleep } from 'node:timers/promises';
import { type GenRocksError, isGenRocksError } from '@genrocks/storage';

/** Pauses between attempts, in milliseconds: half a minute in total. */
const RETRY_PAUSES: readonly number[] = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000];

export interface RetryOptions {
  /** Called before each pause. */
  readonly onRetry: (error: GenRocksError, pauseMs: number) => void;
  /** Stops retrying. */
  readonly signal: AbortSignal;
  /** Default: {@link RETRY_PAUSES}. */
  readonly pauses?: readonly number[] | undefined;
  /** Keeps retrying with the longest pause. Default false. */
  readonly forever?: boolean;
}

/** Retries a call whose error is retriable. @throws the error of the last attempt */
export async function withRetries<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { onRetry, signal, pauses = RETRY_PAUSES, forever = false } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const pause = pauses[attempt] ?? (forever ? pauses.at(-1) : undefined);
      if (!isGenRocksError(error) || !error.retriable || pause === undefined || signal.aborted) throw error;
      onRetry(error, pause);
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }
}

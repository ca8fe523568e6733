import { isGenRocksError } from '@genrocks/storage';
import { RejectMessage, RetryAfter } from '../delivery-errors.js';
import type { ResolvedRetryOptions } from './group-options.js';

/** Longest pause a timer of Node can make without overflowing. */
const MAX_DELAY_MS = 0x7fffffff;

/** Errors that no further try can mend: the bytes are what they are. */
const UNREADABLE = ['CODEC_FAILED', 'CORRUPT_BATCH', 'SCHEMA_VIOLATION'];

/** Decides what becomes of a message whose handler failed. */
export class RetryPolicy {
  constructor(private readonly options: ResolvedRetryOptions) {}

  /**
   * The pause before the next try, in milliseconds; null where there is none. `failed` counts from 1.
   * @param onBroken hears what `retryIf` threw: the error then is one that another try may mend
   */
  next(error: unknown, failed: number, onBroken: (error: unknown) => void): number | null {
    const { attempts } = this.options;
    if (failed >= attempts || error instanceof RejectMessage) return null;
    if (UNREADABLE.some((code) => isGenRocksError(error, code))) return null;
    if (!this.mayHelp(error, failed, onBroken)) return null;
    if (!(error instanceof RetryAfter) || Number.isNaN(error.delayMs)) return this.delay(failed);
    return Math.min(Math.max(0, error.delayMs), MAX_DELAY_MS);
  }

  private mayHelp(error: unknown, failed: number, onBroken: (error: unknown) => void): boolean {
    try {
      return this.options.retryIf?.(error, failed) ?? true;
    } catch (broken) {
      onBroken(broken);
      return true;
    }
  }

  /** The pause after this many failures, without limit on their number. */
  delay(failed: number): number {
    const { initialMs, maxMs, factor, jitter } = this.options;
    // An exponent this large is past every maximum, and far from Infinity times zero.
    const full = Math.min(maxMs, initialMs * factor ** Math.min(failed - 1, 1_000));
    return Math.round(full * (1 - Math.random() * jitter));
  }
}

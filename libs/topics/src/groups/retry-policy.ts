import { isGenRocksError } from '@genrocks/storage';
import { RejectMessage, RetryAfter } from '../delivery-errors.js';
import type { ResolvedRetryOptions } from './group-options.js';

/** The longest delay a Node.js timer supports without overflowing. */
const MAX_DELAY_MS = 0x7fffffff;

/** Errors that no retry can fix, because the stored bytes do not change. */
const UNREADABLE = ['CODEC_FAILED', 'CORRUPT_BATCH', 'SCHEMA_VIOLATION'];

/** Decides whether and when a message is retried after its handler failed. */
export class RetryPolicy {
  constructor(private readonly options: ResolvedRetryOptions) {}

  /**
   * The pause before the next try, in milliseconds; null if there is no further try. `failed` counts from 1.
   * @param onBroken called with what `retryIf` threw; the message is then retried
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

  /** The pause after this many failures, whatever `attempts` says. */
  delay(failed: number): number {
    const { initialMs, maxMs, factor, jitter } = this.options;
    const full = Math.min(maxMs, initialMs * factor ** (failed - 1));
    return Math.round(full * (1 - Math.random() * jitter));
  }
}

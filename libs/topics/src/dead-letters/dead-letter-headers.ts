import { isError, isGenRocksError } from '@genrocks/storage';
import { messageOf } from '../errors.js';
import type { RecordHeaderInput } from '../records/batch-writer.js';

/** Prefix of a dead letter's headers. A redrive removes these headers. */
export const DEAD_LETTER_PREFIX = 'genrocks-dlq-';

/** The headers of a dead letter. All values are text. */
export const DeadLetterHeader = {
  /** Message of the last error. */
  reason: 'genrocks-dlq-reason',
  /** Code of the last error, or its class. */
  error: 'genrocks-dlq-error',
  /**
   * `message`: key, value and headers are those of the original message. `bytes`: the value is the bytes that
   * could not be read.
   */
  kind: 'genrocks-dlq-kind',
  topic: 'genrocks-dlq-topic',
  partition: 'genrocks-dlq-partition',
  offset: 'genrocks-dlq-offset',
  /** For `bytes`: the offset after the skipped bytes. */
  nextOffset: 'genrocks-dlq-next-offset',
  group: 'genrocks-dlq-group',
  /** Number of tries, including interrupted ones. */
  attempts: 'genrocks-dlq-attempts',
  /** ISO 8601. */
  firstFailedAt: 'genrocks-dlq-first-failed-at',
  lastFailedAt: 'genrocks-dlq-last-failed-at',
  /** When the message was published, ISO 8601. */
  publishedAt: 'genrocks-dlq-published-at',
  /**
   * Size of a value that was too large for the dead-letter topic. The value exists only in the original
   * topic.
   */
  droppedBytes: 'genrocks-dlq-dropped-bytes',
} as const;

/** How often a message was redriven. A redrive keeps this header on the message. */
export const REDRIVES_HEADER = 'genrocks-redrives';

const MAX_REASON_CHARACTERS = 2_000;

export function textHeader(name: string, value: string): RecordHeaderInput {
  return { name: Buffer.from(name), value: Buffer.from(value) };
}

export function reasonHeaders(error: unknown): RecordHeaderInput[] {
  return [
    textHeader(DeadLetterHeader.reason, messageOf(error).slice(0, MAX_REASON_CHARACTERS)),
    textHeader(DeadLetterHeader.error, nameOf(error).slice(0, 200)),
  ];
}

export function isoTime(ms: number): string {
  // Timestamps set by hand may exceed the range of a Date.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

function nameOf(error: unknown): string {
  if (isGenRocksError(error)) return error.code;
  return isError(error) ? String(error.name) : typeof error;
}

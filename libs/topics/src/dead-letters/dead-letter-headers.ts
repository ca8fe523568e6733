import { isError, isGenRocksError } from '@genrocks/storage';
import { messageOf } from '../errors.js';
import type { RecordHeaderInput } from '../records/batch-writer.js';

/** Headers of a dead letter begin with this; redriving takes them off again. */
export const DEAD_LETTER_PREFIX = 'genrocks-dlq-';

/** The headers of a dead letter. All are text. */
export const DeadLetterHeader = {
  /** The message of the error. */
  reason: 'genrocks-dlq-reason',
  /** The code of the error, or its class. */
  error: 'genrocks-dlq-error',
  /** `message`: key, value and headers are those of the message. `bytes`: the value is what could not be read. */
  kind: 'genrocks-dlq-kind',
  topic: 'genrocks-dlq-topic',
  partition: 'genrocks-dlq-partition',
  offset: 'genrocks-dlq-offset',
  /** Of `bytes`: the offset after what was skipped. */
  nextOffset: 'genrocks-dlq-next-offset',
  group: 'genrocks-dlq-group',
  /** Tries that failed. */
  attempts: 'genrocks-dlq-attempts',
  /** ISO 8601. */
  firstFailedAt: 'genrocks-dlq-first-failed-at',
  lastFailedAt: 'genrocks-dlq-last-failed-at',
  /** When the message was published, ISO 8601. */
  publishedAt: 'genrocks-dlq-published-at',
  /** The value was too large for the dead-letter topic, and is only in the topic it came from: its bytes. */
  droppedBytes: 'genrocks-dlq-dropped-bytes',
} as const;

/** How often a message was redriven; it stays on it. */
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
  // Timestamps set by hand may lie outside of what a Date can be.
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

function nameOf(error: unknown): string {
  if (isGenRocksError(error)) return error.code;
  return isError(error) ? String(error.name) : typeof error;
}

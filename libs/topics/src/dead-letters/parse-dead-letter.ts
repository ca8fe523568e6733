import type { Message } from '../message.js';
import type { DeadLetter, DeadLetterFilter } from './dead-letter.types.js';
import { DeadLetterHeader, REDRIVES_HEADER } from './dead-letter-headers.js';

/**
 * Reads the headers of a dead letter; undefined if the message is not one. The headers are not trustworthy:
 * anyone who may publish to the topic can write them.
 */
export function parseDeadLetter<T>(message: Message<T>, redriven: boolean): DeadLetter<T> | undefined {
  const headers = headersOf(message);
  const text = (name: string) => headers[name] ?? '';
  const topic = headers[DeadLetterHeader.topic];
  if (topic === undefined) return undefined;
  const firstFailed = headers[DeadLetterHeader.firstFailedAt];
  return {
    message,
    kind: text(DeadLetterHeader.kind) === 'bytes' ? 'bytes' : 'message',
    reason: text(DeadLetterHeader.reason),
    error: text(DeadLetterHeader.error),
    topic,
    partition: wholeNumber(text(DeadLetterHeader.partition)),
    offset: wholeNumber(text(DeadLetterHeader.offset)),
    group: text(DeadLetterHeader.group),
    attempts: wholeNumber(text(DeadLetterHeader.attempts) || '0'),
    firstFailedAt: firstFailed === undefined ? null : Date.parse(firstFailed),
    lastFailedAt: Date.parse(text(DeadLetterHeader.lastFailedAt)),
    redrives: redrivesOf(headers),
    redriven,
  };
}

export function matchesFilter(
  letter: DeadLetter,
  { topic, group, key, since, until }: DeadLetterFilter,
): boolean {
  return (
    (topic === undefined || letter.topic === topic) &&
    (group === undefined || letter.group === group) &&
    (key === undefined || letter.message.key === key) &&
    (since === undefined || letter.lastFailedAt >= since) &&
    (until === undefined || letter.lastFailedAt < until)
  );
}

/** How often a message has been redriven. */
export function redrivesOf(headers: Readonly<Record<string, string>>): number {
  return wholeNumber(headers[REDRIVES_HEADER] ?? '0') || 0;
}

/** NaN if the text is not a whole number. */
function wholeNumber(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : NaN;
}

/** Headers are decoded on access. A message whose headers cannot be decoded is not a dead letter. */
function headersOf(message: Message): Readonly<Record<string, string>> {
  try {
    return message.headers;
  } catch {
    return {};
  }
}

import type { Readable } from 'node:stream';
import { patientTimeout } from '@genrocks/topics/listener';
import { BodyIncompleteError, BodyTimeoutError, BodyTooLargeError } from '../http/http.errors.js';

/** One line of an NDJSON body, without its terminator. Empty lines are skipped. */
export interface NdjsonLine {
  /** Line number, from 1, counting empty lines. */
  readonly number: number;
  readonly bytes: Buffer;
}

export interface NdjsonLimits {
  /** Longest line in bytes (`http.max_line_bytes`). */
  readonly maxLineBytes: number;
  /** A pause longer than this ends the upload with `BODY_TIMEOUT`. */
  readonly pauseMs: number;
}

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Splits a body into lines as it arrives, and yields the lines of one network chunk at a time. The body is read no faster
 * than the lines are consumed, so memory holds one chunk and one unfinished line, however long the upload is.
 *
 * An error is thrown after the lines before it were yielded.
 * @throws `BODY_TOO_LARGE` (a line too long), `BODY_TIMEOUT`, `BODY_INCOMPLETE`
 */
export async function* readLines(body: Readable, limits: NdjsonLimits): AsyncGenerator<NdjsonLine[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 1;
  for await (const chunk of withPauseLimit(body, limits.pauseMs)) {
    const lines: NdjsonLine[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...rest, chunk.subarray(start, end)]);
      rest = [];
      restBytes = 0;
      if (line.length > limits.maxLineBytes) {
        if (lines.length > 0) yield lines;
        throw lineTooLong(number, limits.maxLineBytes);
      }
      addLine(lines, number++, line);
      start = end + 1;
    }
    if (lines.length > 0) yield lines;
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
      if (restBytes > limits.maxLineBytes) throw lineTooLong(number, limits.maxLineBytes);
    }
  }
  const last: NdjsonLine[] = [];
  addLine(last, number, Buffer.concat(rest));
  if (last.length > 0) yield last;
}

function addLine(lines: NdjsonLine[], number: number, line: Buffer): void {
  const bytes = line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
  if (bytes.length > 0) lines.push({ number, bytes });
}

function lineTooLong(number: number, limit: number): BodyTooLargeError {
  return new BodyTooLargeError(`line ${number}`, 'http.max_line_bytes', limit);
}

/** The chunks of a body. A pause that is too long and an early end become coded errors. */
async function* withPauseLimit(body: Readable, pauseMs: number): AsyncGenerator<Buffer> {
  const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  for (;;) {
    let cancelTimeout: (() => void) | undefined;
    const pause = new Promise<never>((_, reject) => {
      cancelTimeout = patientTimeout(pauseMs, () => reject(new BodyTimeoutError(pauseMs)));
    });
    const next = chunks.next().catch(() => {
      throw new BodyIncompleteError();
    });
    next.catch(() => {});
    try {
      const result = await Promise.race([next, pause]);
      if (result.done) return;
      yield result.value;
    } finally {
      cancelTimeout?.();
    }
  }
}

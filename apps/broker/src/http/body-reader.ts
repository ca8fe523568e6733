import type { IncomingMessage } from 'node:http';
import { patientTimeout } from '@genrocks/topics/listener';
import { BodyIncompleteError, BodyTimeoutError, BodyTooLargeError } from './http.errors.js';

export interface BodyLimits {
  /** Largest body in bytes. */
  readonly maxBytes: number;
  /** Time limit for the whole body, in milliseconds. */
  readonly timeoutMs: number;
}

/** The declared length of a body, or undefined if it is chunked. */
export function declaredLength(message: IncomingMessage): number | undefined {
  const header = message.headers['content-length'];
  return header === undefined ? undefined : Number(header);
}

/**
 * Reads a body within its limits. A body that is too large is refused early: by its declared length before a byte is
 * read, otherwise at the first byte over the limit.
 * @throws `BODY_TOO_LARGE`, `BODY_TIMEOUT`, `BODY_INCOMPLETE`
 */
export function readBody(message: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const declared = declaredLength(message);
  const tooLarge = (bytes?: number) =>
    new BodyTooLargeError('the body', 'http.max_body_bytes', limits.maxBytes, bytes);
  if (declared !== undefined && declared > limits.maxBytes) {
    discardRest(message, limits.timeoutMs);
    return Promise.reject(tooLarge(declared));
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let received = 0;
    const cancelTimeout = patientTimeout(limits.timeoutMs, () =>
      settle(() => reject(new BodyTimeoutError(limits.timeoutMs))),
    );
    const settle = (outcome: () => void) => {
      cancelTimeout();
      message.off('data', onData).off('end', onEnd).off('close', onGone);
      outcome();
    };
    const onData = (chunk: Buffer) => {
      received += chunk.length;
      chunks.push(chunk);
      if (received > limits.maxBytes) {
        settle(() => reject(tooLarge()));
        discardRest(message, limits.timeoutMs);
      }
    };
    const onEnd = () => settle(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    const onGone = () => settle(() => reject(new BodyIncompleteError()));
    message.on('data', onData).on('end', onEnd).on('close', onGone);
    // Never removed: without a listener, a connection reset in the middle of a body would end the process.
    message.on('error', () => {});
  });
}

/**
 * Discards the rest of a body, so that a client that sends everything before it reads gets the refusal instead of a
 * connection reset. Stops at the time limit.
 */
export function discardRest(message: IncomingMessage, timeoutMs: number): void {
  const cancelTimeout = patientTimeout(timeoutMs, () => message.destroy());
  message.on('error', () => {});
  message.once('close', cancelTimeout);
  message.once('end', cancelTimeout);
  message.resume();
}

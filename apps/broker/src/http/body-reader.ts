import type { IncomingMessage } from 'node:http';
import { patientTimeout } from '@genrocks/topics/listener';
import { BodyIncompleteError, BodyTimeoutError, BodyTooLargeError } from './http.errors.js';

export interface BodyLimits {
  /** Largest body in bytes. */
  readonly maxBytes: number;
  /** The whole body must be there within this time. */
  readonly timeoutMs: number;
}

/** The declared length of a body, or undefined where it comes in chunks. */
export function declaredLength(message: IncomingMessage): number | undefined {
  const header = message.headers['content-length'];
  return header === undefined ? undefined : Number(header);
}

/**
 * Collects a body within its limits. A body that is too large is refused before it is kept: by its declared length
 * before a byte is read, otherwise at the first byte over the limit.
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
    // Without a listener for good, a connection reset in the middle of a body would end the process.
    message.on('error', () => {});
  });
}

/**
 * Reads on and keeps nothing, so that a client that sends before it listens gets to read the refusal instead of a
 * reset connection; not for longer than the time limit.
 */
export function discardRest(message: IncomingMessage, timeoutMs: number): void {
  const cancelTimeout = patientTimeout(timeoutMs, () => message.destroy());
  message.on('error', () => {});
  message.once('close', cancelTimeout);
  message.once('end', cancelTimeout);
  message.resume();
}

import { isError } from '@genrocks/storage';
import { TopicsError } from '../errors.js';

/** `REQUEST_TIMEOUT`: no answer came in time. The request may still have been handled. @publicApi */
export class RequestTimeoutError extends TopicsError {
  constructor(topic: string, timeoutMs: number) {
    super(
      'REQUEST_TIMEOUT',
      `no answer from ${topic} within ${timeoutMs} ms; check that a @MessagePattern handler for it runs`,
      true,
      { details: { topic, timeoutMs } },
    );
  }
}

/** `CLIENT_CLOSED`: the client was closed while the request waited for its answer. @publicApi */
export class ClientClosedError extends TopicsError {
  constructor() {
    super('CLIENT_CLOSED', 'the client was closed before the answer came; send the request again', true);
  }
}

/** `REPLY_TOPIC_MISSING`: a request names a topic for its answer that does not exist. @publicApi */
export class ReplyTopicMissingError extends TopicsError {
  constructor(topic: string) {
    super(
      'REPLY_TOPIC_MISSING',
      `the request wants its answer in topic ${topic}, which does not exist; create it first`,
    );
  }
}

/** `HANDLER_FAILED`: a handler threw a value that is not an Error; the value is the cause. @publicApi */
export class HandlerFailedError extends TopicsError {
  constructor(cause: unknown) {
    super('HANDLER_FAILED', textOf(cause), true, { cause });
  }
}

function textOf(error: unknown): string {
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? message : errorToText(error);
}

/** An error as text for a header: a filter's value, or the name, message and code of an Error. */
export function errorToText(error: unknown): string {
  if (typeof error === 'string') return error;
  if (!isError(error)) return jsonOf(error);
  const { name, message, code } = error as Error & { code?: unknown };
  return jsonOf({ status: 'error', name, message, ...(typeof code === 'string' ? { code } : {}) });
}

/** Parses the text of {@link errorToText} or of another Nest transport. */
export function errorFromText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return JSON.stringify({ status: 'error', message: 'an error that has no JSON form' });
  }
}

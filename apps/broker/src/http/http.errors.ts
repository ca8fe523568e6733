import { GenRocksError } from '@genrocks/storage';

/** `INVALID_REQUEST`: lists all mistakes of a request; `problems` names the location of each. */
export class InvalidRequestError extends GenRocksError {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super('INVALID_REQUEST', problems.join('; '));
    this.problems = problems;
  }
}

/** `INVALID_JSON`: the body is not JSON, or not UTF-8. */
export class InvalidJsonError extends GenRocksError {
  constructor(reason: string) {
    super('INVALID_JSON', `not valid JSON: ${reason}`);
  }
}

/** `INEXACT_NUMBER`: a JSON number does not fit into a double, and would silently become another number. */
export class InexactNumberError extends GenRocksError {
  constructor(literal: string) {
    const remedy = 'send it as a string, or send the whole value as value_base64';
    super('INEXACT_NUMBER', `the number ${shortened(literal)} cannot be stored exactly; ${remedy}`);
  }
}

function shortened(literal: string): string {
  return literal.length > 43 ? `${literal.slice(0, 40)}...` : literal;
}

/** `BODY_TOO_LARGE`: more bytes than `http.max_body_bytes` (or, for one NDJSON line, `http.max_line_bytes`). */
export class BodyTooLargeError extends GenRocksError {
  constructor(what: string, limitName: string, limit: number, bytes?: number) {
    const size = bytes === undefined ? `more than ${limit}` : String(bytes);
    super('BODY_TOO_LARGE', `${what} has ${size} bytes, ${limitName} allows ${limit}; split it`, false, {
      details: { limit, limit_name: limitName, ...(bytes === undefined ? {} : { bytes }) },
    });
  }
}

/** `BODY_INCOMPLETE`: the connection ended before the body was complete. Nothing of it was stored. */
export class BodyIncompleteError extends GenRocksError {
  constructor() {
    super(
      'BODY_INCOMPLETE',
      'the connection ended before the body was complete; send the request again',
      true,
    );
  }
}

/** `BODY_TIMEOUT`: the body arrived too slowly. */
export class BodyTimeoutError extends GenRocksError {
  constructor(limitMs: number) {
    super('BODY_TIMEOUT', `the body did not arrive within ${limitMs} ms (http.body_timeout_ms)`, true, {
      details: { limit_ms: limitMs },
    });
  }
}

/** `SERVER_BUSY`: too many bytes of requests are in flight; nothing of this request was read. */
export class ServerBusyError extends GenRocksError {
  constructor(limit: number) {
    super(
      'SERVER_BUSY',
      `requests in flight already hold ${limit} bytes (http.max_inflight_bytes); try again in a moment`,
      true,
      { details: { limit } },
    );
  }
}

/** `SHUTTING_DOWN`: the broker finishes its requests in flight and accepts no new ones. */
export class ShuttingDownError extends GenRocksError {
  constructor() {
    super('SHUTTING_DOWN', 'the broker is shutting down; try again when it is back', true);
  }
}

/** `UNSUPPORTED_MEDIA_TYPE` for a compressed body: it could grow without limit when decompressed. */
export class ContentEncodingError extends GenRocksError {
  constructor(encoding: string) {
    super(
      'UNSUPPORTED_MEDIA_TYPE',
      `content-encoding ${encoding} is not supported; send the body uncompressed`,
    );
  }
}

/** `METHOD_NOT_ALLOWED`: the path exists, but not for this method; the header `allow` lists the allowed methods. */
export class MethodNotAllowedError extends GenRocksError {
  constructor(method: string, allowed: readonly string[]) {
    super('METHOD_NOT_ALLOWED', `this path does not support ${method}; use ${allowed.join(', ')}`, false, {
      details: { allowed },
    });
  }
}

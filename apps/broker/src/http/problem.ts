import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { isGenRocksError } from '@genrocks/storage';
import { toSnakeCase } from '@genrocks/storage/config';

/** A problem document (RFC 9457) with the stable code of the error. */
export interface Problem {
  /** `urn:genrocks:problem:` followed by the code in lower case. */
  type: string;
  /** The code as words. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What is wrong and what to do about it, for people. */
  detail: string;
  /** The error's code; docs/errors.md lists all codes. */
  code: string;
  /** Whether the same request may succeed later. */
  retriable: boolean;
  /** One line per mistake, if there can be several. */
  problems?: readonly string[];
  /** Details that a program may act on, such as a limit. */
  details?: Record<string, unknown>;
}

/** Content type of an error response. */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8';

/** The HTTP status of each code. Codes that are not listed are faults of the broker: 500. */
export const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  INVALID_REQUEST: 400,
  INVALID_JSON: 400,
  INEXACT_NUMBER: 400,
  INVALID_MESSAGE: 400,
  INVALID_ARGUMENT: 400,
  INVALID_CONFIG: 400,
  INVALID_TOPIC_NAME: 400,
  RESERVED_TOPIC_NAME: 400,
  INVALID_GROUP: 400,
  CORRUPT_BATCH: 400,
  MESSAGE_REJECTED: 422,
  INVALID_DEAD_LETTER: 422,
  DELIVERY_INTERRUPTED: 422,
  EXPECTATION_FAILED: 417,
  ADAPTER_NOT_FOUND: 400,
  BODY_INCOMPLETE: 400,
  CODEC_FAILED: 400,
  SCHEMA_VIOLATION: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  TOPIC_NOT_FOUND: 404,
  PARTITION_NOT_FOUND: 404,
  GROUP_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  BODY_TIMEOUT: 408,
  REQUEST_TIMEOUT: 408,
  TOPIC_EXISTS: 409,
  TOPIC_STOPPED: 409,
  GROUP_NOT_EMPTY: 409,
  PARTITION_NOT_ASSIGNED: 409,
  LOCKED: 409,
  UNKNOWN_MEMBER: 409,
  STALE_GENERATION: 409,
  REBALANCE_IN_PROGRESS: 409,
  INCONSISTENT_GROUP_PROTOCOL: 409,
  FENCED_MEMBER: 409,
  MEMBER_ID_REQUIRED: 409,
  GROUP_FULL: 409,
  LIMIT_REACHED: 409,
  BODY_TOO_LARGE: 413,
  MESSAGE_TOO_LARGE: 413,
  TOO_LARGE: 413,
  URI_TOO_LONG: 414,
  UNSUPPORTED_MEDIA_TYPE: 415,
  OFFSET_OUT_OF_RANGE: 416,
  HEADERS_TOO_LARGE: 431,
  INTERNAL_ERROR: 500,
  PARTIALLY_PUBLISHED: 500,
  LOG_CORRUPT: 500,
  NOT_SUPPORTED: 501,
  UNSUPPORTED_COMPRESSION: 501,
  SERVER_BUSY: 503,
  BACKPRESSURE: 503,
  RETRY_AFTER: 503,
  SHUTTING_DOWN: 503,
  NOT_READY: 503,
  SERVICE_STOPPED: 503,
  HANDLER_TIMEOUT: 503,
  PARTITION_UNAVAILABLE: 503,
  COORDINATOR_STOPPED: 503,
  STORE_CLOSED: 503,
  NEED_REPAIR: 503,
  SYNC_FAILED: 503,
  OWNERSHIP_LOST: 503,
  RETENTION_FULL: 503,
  IO_ERROR: 503,
  LOG_FULL: 507,
  NO_SPACE: 507,
};

const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_REQUEST',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'BODY_TIMEOUT',
  413: 'BODY_TOO_LARGE',
  414: 'URI_TOO_LONG',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  503: 'NOT_READY',
};

/**
 * Whether the broker itself failed. A known refusal, such as a write to a full disk, is not a failure, whether it affects
 * all of a request or a part.
 */
export function isOwnFault(error: unknown): boolean {
  return toProblem(rootOf(error)).status === 500;
}

/** The error that stopped the rest of a partially stored request. */
function rootOf(error: unknown): unknown {
  let root = error;
  while (isGenRocksError(root, 'PARTIALLY_PUBLISHED') && root.cause !== undefined) root = root.cause;
  return root;
}

/** Turns anything thrown into a problem document. Foreign errors reveal no internals to the client. */
export function toProblem(error: unknown): Problem {
  if (isGenRocksError(error)) {
    const { problems } = error as { problems?: readonly string[] };
    const { problems: _listed, ...details } = error.details ?? {};
    const root = rootOf(error);
    const isFull = isGenRocksError(root) && STATUS_OF_CODE[root.code] === 507;
    return createProblem(error.code, error.message, {
      // If a full device prevented a part from being stored, the status says so: an operator must free space.
      ...(isFull ? { status: 507 } : {}),
      retriable: error.retriable,
      ...(problems === undefined ? {} : { problems }),
      ...(Object.keys(details).length === 0 ? {} : { details: snakeKeys(details) }),
    });
  }
  if (error instanceof HttpException) return fromHttpException(error);
  return createProblem('INTERNAL_ERROR', 'the broker failed to handle the request; see its log');
}

/** Creates a problem with the status, type and title of its code. */
export function createProblem(code: string, detail: string, more: Partial<Problem> = {}): Problem {
  return {
    type: `urn:genrocks:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title: titleOf(code),
    status: STATUS_OF_CODE[code] ?? 500,
    detail,
    code,
    retriable: false,
    ...more,
  };
}

function fromHttpException(exception: HttpException): Problem {
  const status = exception.getStatus();
  const code = CODE_OF_STATUS[status] ?? (status < 500 ? 'INVALID_REQUEST' : 'INTERNAL_ERROR');
  const body = exception.getResponse();
  const { message, details } = (typeof body === 'object' ? body : {}) as Record<string, unknown>;
  const problems = Array.isArray(message) ? message.map(String) : undefined;
  const detail =
    problems?.join('; ') ?? whatIsDown(details) ?? exception.message ?? STATUS_CODES[status] ?? 'error';
  return createProblem(code, code === 'UNSUPPORTED_MEDIA_TYPE' ? MEDIA_TYPE_REMEDY : detail, {
    status,
    retriable: status === 503 || status === 408,
    ...(problems === undefined ? {} : { problems }),
    ...(isPlainObject(details) ? { details } : {}),
  });
}

/** The failed health checks, with reasons. */
function whatIsDown(details: unknown): string | undefined {
  if (!isPlainObject(details)) return undefined;
  const down = Object.entries(details as Record<string, { status?: unknown; message?: unknown } | undefined>)
    .filter(([, check]) => check?.status === 'down')
    .map(([name, check]) => `${name}: ${typeof check?.message === 'string' ? check.message : 'down'}`);
  return down.length === 0 ? undefined : down.join('; ');
}

const MEDIA_TYPE_REMEDY =
  'this content type is not supported; send application/json (or application/x-ndjson for bulk publishing)';

/** Turns `TOPIC_NOT_FOUND` into "Topic not found". */
function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  const spelled = words.replace(/\b(json|uri|io)\b/g, (word) => word.toUpperCase());
  return spelled.charAt(0).toUpperCase() + spelled.slice(1);
}

/** Converts the names of details from camelCase to snake_case. */
function snakeKeys(details: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(details).map(([key, value]) => [toSnakeCase(key), value]));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

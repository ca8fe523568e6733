import { types } from 'node:util';

/**
 * Tells whether a value is an error, of this realm or another. Jest runs tests in a realm of their own, in which errors
 * thrown by Node are not `instanceof Error`.
 */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value) || value instanceof DOMException;
}

/** Cause and details of a GenRocks error. */
export interface ErrorOptions {
  /** The error that caused it, as `Error.cause`. */
  cause?: unknown;
  /** Facts a program can act on: sizes, paths, offsets. Must be JSON-serialisable. */
  details?: Record<string, unknown>;
}

/**
 * Base of every error GenRocks raises on purpose.
 *
 * `code` is stable across releases, so programs can switch on it. `retriable` says whether the same call may succeed
 * later, unchanged.
 *
 * @publicApi
 */
export class GenRocksError extends Error {
  /** Names the error for programs: upper case, stable across releases. docs/errors.md lists all codes. */
  readonly code: string;
  /** True if the same call may succeed later. */
  readonly retriable: boolean;
  /** Facts a program can act on, such as a limit. JSON-serialisable; empty if there are none. */
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, retriable = false, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retriable = retriable;
    this.details = options.details ?? {};
  }
}

/** Tells whether this is a GenRocks error, with this code if one is given. Works across copies of the package. */
export function isGenRocksError(error: unknown, code?: string): error is GenRocksError {
  if (!isError(error) || typeof (error as GenRocksError).code !== 'string') return false;
  if (typeof (error as GenRocksError).retriable !== 'boolean') return false;
  return code === undefined || (error as GenRocksError).code === code;
}

/** Base of every storage error; adapters raise the subclasses. */
export class StorageError extends GenRocksError {}

/** `STORE_CLOSED`: the store or its adapter was closed before or during the call. Open it again. */
export class StoreClosedError extends StorageError {
  constructor(what: string) {
    super('STORE_CLOSED', `${what} is closed; open it again before using it`);
  }
}

/** `LOCKED`: the store is already open, here or in another process (`details.pid`, if known). */
export class LockedError extends StorageError {
  constructor(what: string, pid?: number) {
    const owner = pid === undefined ? 'another owner' : `process ${pid}`;
    super('LOCKED', `${what} is open in ${owner}; close it there first, or use another directory`, true, {
      details: pid === undefined ? {} : { pid },
    });
  }
}

/** `INVALID_TOPIC_NAME`: the name is empty, too long, or holds characters that could leave its directory. */
export class InvalidTopicNameError extends StorageError {
  constructor(name: unknown, reason: string) {
    super('INVALID_TOPIC_NAME', `topic name ${quote(name)} is not allowed: ${reason}`);
  }
}

/** `INVALID_ARGUMENT`: the arguments of the call can never work. */
export class InvalidArgumentError extends StorageError {
  constructor(message: string, details?: Record<string, unknown>) {
    super('INVALID_ARGUMENT', message, false, { details });
  }
}

/** `INVALID_CONFIG`: an option is unknown or has a value that is not allowed; one line per mistake in `problems`. */
export class InvalidConfigError extends StorageError {
  /** One line per mistake: the key, the value, what is allowed. */
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super('INVALID_CONFIG', problems.join('\n'), false, { details: { problems } });
    this.problems = problems;
  }
}

/** `TOO_LARGE`: a key, value or batch is larger than the adapter's `supports` allows. Split it. */
export class TooLargeError extends StorageError {
  constructor(what: string, bytes: number, limit: number) {
    super(
      'TOO_LARGE',
      `${what} has ${bytes} bytes, the limit is ${limit}; split it or store a reference`,
      false,
      {
        details: { bytes, limit },
      },
    );
  }
}

/** `NO_SPACE`: the device is full. Nothing of the write was kept; reads go on; writes work again when there is room. */
export class NoSpaceError extends StorageError {
  constructor(what: string, cause?: unknown) {
    super('NO_SPACE', `no space left for ${what}; free some space, and writes work again`, true, {
      cause,
    });
  }
}

/** `LOG_FULL`: a halt log has reached its size limit. Truncate it or raise the limit. */
export class LogFullError extends StorageError {
  constructor(what: string, bytes: number, limit: number) {
    super(
      'LOG_FULL',
      `${what} is full (${bytes} of ${limit} bytes); truncate it or raise max_no_bytes`,
      false,
      {
        details: { bytes, limit },
      },
    );
  }
}

/** `RETENTION_FULL`: the write would drop entries that are still needed, and the store was told not to drop them. */
export class RetentionFullError extends StorageError {
  constructor(what: string) {
    const remedy = 'let the slowest consumer group catch up, delete that group, or raise max_no_files';
    super('RETENTION_FULL', `${what} cannot overwrite entries that are still to be read; ${remedy}`, true);
  }
}

/** `LOG_CORRUPT`: stored bytes fail their checks. `skipDamaged` reads the good entries around them. */
export class LogCorruptError extends StorageError {
  constructor(what: string, reason: string, details: Record<string, unknown> = {}) {
    const remedy = 'read with skipDamaged to pass over it, or run `genrocks log verify` on the directory';
    super('LOG_CORRUPT', `${what} is damaged: ${reason}; ${remedy}`, false, { details });
  }
}

/** `NEED_REPAIR`: the log was not closed cleanly and was opened with `repair: false`. It was left untouched. */
export class NeedRepairError extends StorageError {
  constructor(what: string) {
    super(
      'NEED_REPAIR',
      `${what} was not closed cleanly; open it with repair: truncate to cut its torn tail`,
    );
  }
}

/** `SYNC_FAILED`: the device refused to make data durable. The store takes no more writes until it is reopened. */
export class SyncFailedError extends StorageError {
  constructor(what: string, cause?: unknown) {
    const remedy = 'check the device, then reopen the store; what was acknowledged before stays readable';
    super('SYNC_FAILED', `${what} could not be made durable; ${remedy}`, false, { cause });
  }
}

/** `OWNERSHIP_LOST`: another owner has taken the lease on this store; every later write from here is fenced off. */
export class OwnershipLostError extends StorageError {
  constructor(what: string) {
    super('OWNERSHIP_LOST', `${what} has another owner now; open it again to take it back`);
  }
}

/**
 * `IO_ERROR`: the operating system or the remote store refused a call; see `cause`. `details.nothingStored` is true if a
 * write was certainly refused before any of it was stored; without it, the write may turn out to be stored.
 */
export class StorageIoError extends StorageError {
  constructor(message: string, cause?: unknown, retriable = false, details: { nothingStored?: true } = {}) {
    super('IO_ERROR', message, retriable, { cause, details });
  }
}

/** `NOT_SUPPORTED`: the adapter does not support the call, by design; see its `supports`. */
export class NotSupportedError extends StorageError {
  constructor(message: string) {
    super('NOT_SUPPORTED', message);
  }
}

/** `CODEC_FAILED`: a value could not be encoded, or bytes could not be decoded. */
export class CodecError extends StorageError {
  constructor(message: string, cause?: unknown) {
    super('CODEC_FAILED', message, false, { cause });
  }
}

function quote(name: unknown): string {
  const text = typeof name === 'string' ? JSON.stringify(name) : String(name);
  return text.length > 80 ? `${text.slice(0, 77)}..."` : text;
}

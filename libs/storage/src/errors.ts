import { types } from 'node:util';

/**
 * Is this an error, of this realm or another? Jest runs tests in a realm of their own, where what Node itself throws is
 * no `instanceof Error`.
 */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value) || value instanceof DOMException;
}

/** What a GenRocks error carries besides its message. */
export interface ErrorOptions {
  /** What led to it, as `Error.cause`. */
  cause?: unknown;
  /** Facts a program may want to act on: sizes, paths, offsets. Must be JSON-serialisable. */
  details?: Record<string, unknown>;
}

/**
 * Base of every error GenRocks raises on purpose.
 *
 * `code` is stable across releases and safe to switch on; `retriable` says whether the very same call may succeed
 * later without anybody changing anything in it.
 *
 * @publicApi
 */
export class GenRocksError extends Error {
  /** Says what is wrong, for programs: upper case, stable over versions. docs/errors.md has them all. */
  readonly code: string;
  /** May the very same call succeed later? */
  readonly retriable: boolean;
  /** Facts a program may act on, such as a limit; safe to turn into JSON. Empty for none. */
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, retriable = false, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retriable = retriable;
    this.details = options.details ?? {};
  }
}

/** Is this an error of ours, with this code (or any, where none is given)? Works across copies of the package. */
export function isGenRocksError(error: unknown, code?: string): error is GenRocksError {
  if (!isError(error) || typeof (error as GenRocksError).code !== 'string') return false;
  if (typeof (error as GenRocksError).retriable !== 'boolean') return false;
  return code === undefined || (error as GenRocksError).code === code;
}

/** Every storage error; adapters raise the subclasses below. */
export class StorageError extends GenRocksError {}

/** `STORE_CLOSED`: the store or its adapter was closed before or during the call. Open it again. */
export class StoreClosedError extends StorageError {
  constructor(what: string) {
    super('STORE_CLOSED', `${what} is closed; open it again before using it`);
  }
}

/** `LOCKED`: somebody else (another process, or this one) has the store open. `details.pid` where it is known. */
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

/** `INVALID_ARGUMENT`: a call with arguments that can never work. */
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

/** `NO_SPACE`: the device is full. Nothing of the write was kept; reads go on; writes resume when there is room. */
export class NoSpaceError extends StorageError {
  constructor(what: string, cause?: unknown) {
    super('NO_SPACE', `no space left for ${what}; free some room, writes resume by themselves`, true, {
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

/** `RETENTION_FULL`: writing would drop entries that are still needed, and the store was told not to. */
export class RetentionFullError extends StorageError {
  constructor(what: string) {
    const remedy = 'let the slowest consumer group catch up, delete that group, or raise max_no_files';
    super('RETENTION_FULL', `${what} cannot overwrite entries that are still to be read; ${remedy}`, true);
  }
}

/** `LOG_CORRUPT`: stored bytes fail their checks. Good entries around them stay readable with `skipDamaged`. */
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

/** `OWNERSHIP_LOST`: the lease on this store went to another owner, which fences every later write from here. */
export class OwnershipLostError extends StorageError {
  constructor(what: string) {
    super('OWNERSHIP_LOST', `${what} is owned by somebody else now; open it again to take it back`);
  }
}

/**
 * `IO_ERROR`: the operating system or the remote store refused a call; the cause is attached. `details.nothingStored` is
 * true where a write was refused for sure before any of it was stored; without it, it may come to light later.
 */
export class StorageIoError extends StorageError {
  constructor(message: string, cause?: unknown, retriable = false, details: { nothingStored?: true } = {}) {
    super('IO_ERROR', message, retriable, { cause, details });
  }
}

/** `NOT_SUPPORTED`: this adapter cannot do it, by design; see its `supports`. */
export class NotSupportedError extends StorageError {
  constructor(message: string) {
    super('NOT_SUPPORTED', message);
  }
}

/** `CODEC_FAILED`: a value could not be turned into bytes, or bytes not into a value. */
export class CodecError extends StorageError {
  constructor(message: string, cause?: unknown) {
    super('CODEC_FAILED', message, false, { cause });
  }
}

function quote(name: unknown): string {
  const text = typeof name === 'string' ? JSON.stringify(name) : String(name);
  return text.length > 80 ? `${text.slice(0, 77)}..."` : text;
}

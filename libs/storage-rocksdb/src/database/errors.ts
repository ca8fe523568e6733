import {
  GenRocksError,
  isError,
  LockedError,
  LogCorruptError,
  NoSpaceError,
  StorageIoError,
  SyncFailedError,
} from '@genrocks/storage';

/*
 * The binding passes on RocksDB's message and an errno name, which is EIO for nearly everything. So only the message tells
 * the cases apart.
 */
const LOCKED = /lock file|lock hold/i;
const CORRUPT =
  /checksum mismatch|corrupt|bad (?:block|magic|record)|truncated|missing start of fragmented record/i;
const MISSING = /does not exist \(create_if_missing is false\)/i;

/** Turns an error of the binding or of the file system into a GenRocks error. */
export function toStorageError(error: unknown, what: string): GenRocksError {
  if (error instanceof GenRocksError) return error;
  const reason = rootOf(error);
  const { message, code } = reason as Error & { code?: string };
  if (code === 'ENOSPC' || code === 'EDQUOT') return new NoSpaceError(what, reason);
  if (LOCKED.test(message)) return new LockedError(what);
  if (CORRUPT.test(message)) return new LogCorruptError(what, message);
  if (MISSING.test(message)) {
    return new StorageIoError(
      `${what} does not exist; set createIfMissing: true, or correct its path`,
      reason,
    );
  }
  return new StorageIoError(`${what}: RocksDB refused the call (${message})`, reason);
}

/** A failed sync. Unlike a failed write it cannot be retried, because the kernel reports it only once. */
export function toSyncError(error: unknown, what: string): GenRocksError {
  return new SyncFailedError(what, rootOf(error));
}

/** Tells whether Windows refused to open a file because RocksDB has it open exclusively. */
export function isSharingViolation(error: unknown): boolean {
  return ['EBUSY', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** The error of a refused batch wraps the reason. */
function rootOf(error: unknown): Error {
  const reason = isError(error) ? error : new Error(String(error));
  return isError(reason.cause) ? reason.cause : reason;
}

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
 * The binding hands over RocksDB's message and an errno name that is EIO for nearly everything, so that the message
 * is what tells the cases apart.
 */
const LOCKED = /lock file|lock hold/i;
const CORRUPT =
  /checksum mismatch|corrupt|bad (?:block|magic|record)|truncated|missing start of fragmented record/i;
const MISSING = /does not exist \(create_if_missing is false\)/i;

/** An error of the binding or of the file system as one of ours. */
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

/** A failed sync: unlike a failed write it cannot be tried again, because the kernel reports it only once. */
export function toSyncError(error: unknown, what: string): GenRocksError {
  return new SyncFailedError(what, rootOf(error));
}

/** Is this the system's way of saying that somebody else has the file open exclusively? (Windows) */
export function isSharingViolation(error: unknown): boolean {
  return ['EBUSY', 'EPERM', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** A batch that was refused wraps the reason. */
function rootOf(error: unknown): Error {
  const reason = isError(error) ? error : new Error(String(error));
  return isError(reason.cause) ? reason.cause : reason;
}

import { isGenRocksError } from '@genrocks/storage';

/** Codes of errors that every further read meets again. */
const CODES = new Set(['CORRUPT_BATCH', 'UNSUPPORTED_COMPRESSION', 'LOG_CORRUPT']);

/** Whether a read failed permanently, so that a reader can only continue after the unreadable bytes. */
export function isUnreadable(error: unknown): boolean {
  return isGenRocksError(error) && CODES.has(error.code);
}

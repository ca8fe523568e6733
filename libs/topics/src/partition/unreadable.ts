import { isGenRocksError } from '@genrocks/storage';

/** Codes of errors that come again however often one reads. */
const CODES = new Set(['CORRUPT_BATCH', 'UNSUPPORTED_COMPRESSION', 'LOG_CORRUPT']);

/** Did a read fail for good, so that one can only go on behind what it met? */
export function isUnreadable(error: unknown): boolean {
  return isGenRocksError(error) && CODES.has(error.code);
}

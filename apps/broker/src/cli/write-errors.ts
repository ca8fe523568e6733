import { GenRocksError, isGenRocksError, StorageIoError } from '@genrocks/storage';
import { pathReason } from '../path-reasons.js';

/** Of a file that is to be made, more is known than of a path. */
const MISSING = 'there is no such directory; create it, or name another file';

/** `WRITE_FAILED`: what a command writes beside the broker cannot be written; the message says why. */
export class WriteFailedError extends GenRocksError {
  constructor(what: string, cause: NodeJS.ErrnoException) {
    const { code = '' } = cause;
    const reason = code === 'ENOENT' ? MISSING : pathReason(cause);
    super('WRITE_FAILED', `${what} cannot be written: ${reason}`, isFull(cause), {
      cause,
      details: { what, errno: code },
    });
  }
}

/** @throws `WRITE_FAILED` where the operating system refuses what `work` does */
export async function writing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw new WriteFailedError(what, error as NodeJS.ErrnoException);
    throw error;
  }
}

/**
 * What the operating system has refused, as an error with a code: `WRITE_FAILED` where there is no room, `IO_ERROR`
 * for a path that cannot be used. All else as it is.
 */
export function toCodedError(error: unknown): unknown {
  if (!(error instanceof Error) || isGenRocksError(error) || !('syscall' in error)) return error;
  const refused = error as NodeJS.ErrnoException;
  if (isFull(refused)) return new WriteFailedError(refused.path ?? 'the target', refused);
  if (refused.path === undefined) return error;
  return new StorageIoError(`${refused.path} cannot be used: ${pathReason(refused)}`, error);
}

function isFull({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT';
}

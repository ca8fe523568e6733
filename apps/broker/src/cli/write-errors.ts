import { GenRocksError, isGenRocksError, StorageIoError } from '@genrocks/storage';
import { pathReason } from '../path-reasons.js';

/** The reason for ENOENT when a file is to be created: its directory is missing. */
const MISSING = 'its directory does not exist; create it, or name another file';

/** `WRITE_FAILED`: a command cannot write a local file or standard output; the message says why. */
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

/** @throws `WRITE_FAILED` if the operating system refuses an operation of `work` */
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
 * Turns an error of the operating system into one with a code: `WRITE_FAILED` if there is no space, `IO_ERROR` for a
 * path that cannot be used. Returns any other error unchanged.
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

import { GenRocksError } from '@genrocks/storage';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such directory; create it, or name another file',
  ENOTDIR: 'a part of its path is no directory; name another file',
  EISDIR: 'it is a directory; name a file in it',
  EACCES: 'there is no permission; give it to this user, or name another file',
  EPERM: 'there is no permission; give it to this user, or name another file',
  EROFS: 'the file system is read-only; name another file',
  ENOSPC: 'the device is full; free some room, then run it again',
  EDQUOT: 'the quota of this user is used up; free some room, then run it again',
};

/** `WRITE_FAILED`: what a command writes beside the broker cannot be written; the message says why. */
export class WriteFailedError extends GenRocksError {
  constructor(what: string, cause: NodeJS.ErrnoException) {
    const { code = '', message } = cause;
    const isFull = code === 'ENOSPC' || code === 'EDQUOT';
    super('WRITE_FAILED', `${what} cannot be written: ${REASONS[code] ?? message}`, isFull, {
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

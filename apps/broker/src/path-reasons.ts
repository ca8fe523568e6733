/** Why the operating system refused a path, and what to do about it. */
const REASONS: Readonly<Record<string, readonly [reason: string, remedy: string]>> = {
  ENOENT: ['it does not exist', 'check the spelling, or name another'],
  ENOTDIR: ['a part of its path is not a directory', 'name another'],
  EEXIST: ['a part of its path is a file', 'name another'],
  EISDIR: ['it is a directory', 'name a file'],
  EACCES: ['there is no permission', 'give it to this user, or name another'],
  EPERM: ['there is no permission', 'give it to this user, or name another'],
  EROFS: ['the file system is read-only', 'name another'],
  ELOOP: ['its symbolic links form a loop', 'fix them, or name another'],
  ENAMETOOLONG: ['its name is too long', 'name another'],
  ENOSPC: ['the device is full', 'free some space and try again'],
  EDQUOT: ['the quota of this user is exhausted', 'free some space and try again'],
};

/** The reason and remedy in words, or the system's own message. @param remedy replaces the usual remedy */
export function pathReason({ code = '', message }: NodeJS.ErrnoException, remedy?: string): string {
  const [reason, usual] = REASONS[code] ?? [message];
  return [reason, remedy ?? usual].filter((part) => part !== undefined).join('; ');
}

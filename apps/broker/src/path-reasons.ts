/** Why the operating system refuses a path, and what to do about it. */
const REASONS: Readonly<Record<string, readonly [reason: string, remedy: string]>> = {
  ENOENT: ['it does not exist', 'look at its spelling, or name another'],
  ENOTDIR: ['a part of its path is no directory', 'name another'],
  EEXIST: ['a part of its path is a file', 'name another'],
  EISDIR: ['it is a directory', 'name a file'],
  EACCES: ['there is no permission', 'give it to this user, or name another'],
  EPERM: ['there is no permission', 'give it to this user, or name another'],
  EROFS: ['the file system is read-only', 'name another'],
  ELOOP: ['its links lead in a circle', 'mend them, or name another'],
  ENAMETOOLONG: ['its name is too long', 'name another'],
  ENOSPC: ['the device is full', 'free some room, then run it again'],
  EDQUOT: ['the quota of this user is used up', 'free some room, then run it again'],
};

/** In words; what the system says where that is none of the usual things. @param remedy in place of the usual one */
export function pathReason({ code = '', message }: NodeJS.ErrnoException, remedy?: string): string {
  const [reason, usual] = REASONS[code] ?? [message];
  return [reason, remedy ?? usual].filter((part) => part !== undefined).join('; ');
}

import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { LockedError, StorageIoError } from '@genrocks/storage';
import { isErrno } from './file-system.js';
import { type KernelLocks, loadKernelLocks } from './kernel-locks.js';
import { taken } from './write-all.js';

/**
 * Keeps a second process (or a second store in this one) out of a directory.
 *
 * The lock is the kernel's, on an open file: it ends with the process, however that ends, so a kill leaves nothing to
 * clean up and two starters can never both win. The file's text is only there to name the owner.
 */
export interface DirectoryLock {
  /** Once only. */
  release(): void;
}

const kernelLocks = loadKernelLocks();
/** What this process writes into its lock files; a token follows, of which there is but one. */
const OWN_TEXT = `${process.pid}\n${birthOf(process.pid) ?? ''}\n`;
/** Each is lost only to somebody who takes the lock's file away just then, or starts just then. */
const MAX_ATTEMPTS = 10;

/** Takes the lock, or throws `LOCKED` with the owner's pid. */
export function lockDirectory(path: string, what: string): DirectoryLock {
  return kernelLocks === undefined ? lockByPid(path, what) : lockByKernel(kernelLocks, path, what);
}

function lockByKernel(locks: KernelLocks, path: string, what: string): DirectoryLock {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    // Not to append: Windows would not let such a file be truncated.
    const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
    try {
      if (!tryLock(locks, fd, what)) throw new LockedError(what, ownerOf(path));
      const text = `${OWN_TEXT}${randomUUID()}\n`;
      taken(fs.writeSync(fd, text, 0));
      fs.ftruncateSync(fd, text.length);
      // Between its opening and its locking the file may have gone away, with a store that was destroyed: its lock keeps
      // nobody out of what was made under that name since. From here on it goes only if its owner takes it away.
      if (readText(path) === text) return { release: () => fs.closeSync(fd) };
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    fs.closeSync(fd);
  }
  throw new LockedError(what, ownerOf(path));
}

function tryLock(locks: KernelLocks, fd: number, what: string): boolean {
  try {
    return locks.tryLock(fd);
  } catch (error) {
    // How Windows says that somebody else has the lock.
    if (isErrno(error, 'EBUSY', 'EACCES')) return false;
    if (!isErrno(error, 'ENOLCK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL')) throw error;
    // A lock by pid would not do: who shares such a file system may be on another machine.
    const reason = `its file system takes no file locks (${(error as NodeJS.ErrnoException).code})`;
    throw new StorageIoError(
      `cannot lock ${what}: ${reason}; mount it with locks, or put log_dir on a local file system`,
      error,
    );
  }
}

/** Undefined where the file does not tell, or cannot be read while somebody has it locked. */
function ownerOf(path: string): number | undefined {
  try {
    return ownerIn(fs.readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Where the platform has no prebuilt kernel lock. A starter tells of itself, in a file of a name that nobody else has, and
 * looks for others after that: of two starters at least one sees the other, and who sees one that lives gives way. Who
 * sees none gives its file the name of the lock, which has none then, or that of a process that has died. So the lock of
 * one that lives is never moved, not even for a moment.
 */
export function lockByPid(path: string, what: string): DirectoryLock {
  for (let attempt = 1; ; attempt++) {
    const token = randomUUID();
    const own = `${path}.${token}`;
    const text = `${OWN_TEXT}${token}\n`;
    try {
      fs.writeFileSync(own, text);
      const rival = rivalOf(path, token);
      // After the look at the starters: one that has the lock by now was one of them, or is seen here.
      const owner = liveOwnerIn(readText(path) ?? '');
      if (owner !== undefined) throw new LockedError(what, owner);
      if (rival === undefined && rename(own, path)) return { release: () => removeOwn(path, text) };
      if (attempt === MAX_ATTEMPTS) throw new LockedError(what, rival);
    } finally {
      fs.rmSync(own, { force: true });
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 5);
  }
}

/** Another starter that is alive. What is left of dead ones is removed: their names are not used again. */
function rivalOf(path: string, token: string): number | undefined {
  const prefix = `${basename(path)}.`;
  for (const name of fs.readdirSync(dirname(path))) {
    const other = name.slice(prefix.length);
    if (!name.startsWith(prefix) || !TOKEN.test(other) || other === token) continue;
    const file = join(dirname(path), name);
    const rival = liveOwnerIn(readText(file) ?? '');
    if (rival !== undefined) return rival;
    fs.rmSync(file, { force: true });
  }
  return undefined;
}

const TOKEN = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

/** With a store that was destroyed the lock has gone away, and what has its name now is another's. */
function removeOwn(path: string, text: string): void {
  if (readText(path) === text) fs.rmSync(path, { force: true });
}

/** The process that wrote this into a lock file, if it is alive. */
export function liveOwnerIn(text: string): number | undefined {
  const owner = ownerIn(text);
  if (owner === undefined || !isAlive(owner)) return undefined;
  const written = text.split('\n')[1];
  const birth = birthOf(owner);
  return !written || birth === undefined || written === birth ? owner : undefined;
}

/**
 * Tells a process from all others that have its pid at other times: in a container the next start mostly has the same
 * one. Undefined where the system does not tell.
 */
function birthOf(pid: number): string | undefined {
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The 20th field after the process's name, which may hold anything, is its start in ticks since the boot.
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
}

/** False where the file is gone: with its directory, or it was looked at before it had its text. */
function rename(from: string, to: string): boolean {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

function readText(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function ownerIn(text: string): number | undefined {
  const pid = Number.parseInt(text, 10);
  return pid > 0 ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}

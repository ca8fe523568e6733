import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { LockedError, StorageIoError } from '@genrocks/storage';
import { isErrno } from './file-system.js';
import { type KernelLocks, loadKernelLocks } from './kernel-locks.js';
import { taken } from './write-all.js';

/**
 * Keeps a second process (or a second store in this process) out of a directory.
 *
 * The lock is the kernel's, on an open file. It ends with the process, however that ends: a kill leaves nothing to
 * clean up, and two processes that start together can never both win. The file's text only names the owner.
 */
export interface DirectoryLock {
  /** To be called once only. */
  release(): void;
}

const kernelLocks = loadKernelLocks();
/** What this process writes into its lock files, followed by a unique token. */
const OWN_TEXT = `${process.pid}\n${birthOf(process.pid) ?? ''}\n`;
/** An attempt is lost only if somebody removes the lock file, or starts, at that very moment. */
const MAX_ATTEMPTS = 10;

/**
 * Takes the lock.
 * @throws {LockedError} `LOCKED` with the owner's pid
 */
export function lockDirectory(path: string, what: string): DirectoryLock {
  return kernelLocks === undefined ? lockByPid(path, what) : lockByKernel(kernelLocks, path, what);
}

function lockByKernel(locks: KernelLocks, path: string, what: string): DirectoryLock {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    // Not opened for appending: Windows would not allow such a file to be truncated.
    const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
    try {
      if (!tryLock(locks, fd, what)) throw new LockedError(what, ownerOf(path));
      const text = `${OWN_TEXT}${randomUUID()}\n`;
      taken(fs.writeSync(fd, text, 0));
      fs.ftruncateSync(fd, text.length);
      // Between opening and locking, the file may have been removed with a destroyed store. Its lock would not
      // protect a file made under that name since. Once locked, only the owner removes it.
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
    // Windows reports a lock held by somebody else like this.
    if (isErrno(error, 'EBUSY', 'EACCES')) return false;
    if (!isErrno(error, 'ENOLCK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL')) throw error;
    // A lock by pid is no substitute: others that share such a file system may be on another machine.
    const reason = `its file system does not support file locks (${(error as NodeJS.ErrnoException).code})`;
    throw new StorageIoError(
      `cannot lock ${what}: ${reason}; mount it with lock support, or put log_dir on a local file system`,
      error,
    );
  }
}

/** Undefined if the file does not say, or cannot be read while somebody has it locked. */
function ownerOf(path: string): number | undefined {
  try {
    return ownerIn(fs.readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Used if the platform has no prebuilt kernel lock. A starting process announces itself in a file with a unique name,
 * and only then looks for others. So of two processes that start together at least one sees the other, and one that
 * sees a living rival gives way. A process that sees none renames its file to the lock's name, which at that point
 * has no file, or that of a dead process. So the lock of a living process is never moved, not even for a moment.
 */
export function lockByPid(path: string, what: string): DirectoryLock {
  for (let attempt = 1; ; attempt++) {
    const token = randomUUID();
    const own = `${path}.${token}`;
    const text = `${OWN_TEXT}${token}\n`;
    try {
      fs.writeFileSync(own, text);
      const rival = rivalOf(path, token);
      // Read after the rivals: a process that took the lock meanwhile was a rival, or shows up here.
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

/** Another starting process that is alive. Removes the files of dead ones; their names are never reused. */
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

/** A destroyed store takes its lock file with it; the file of that name may belong to another by now. */
function removeOwn(path: string, text: string): void {
  if (readText(path) === text) fs.rmSync(path, { force: true });
}

/** The process that wrote this text into a lock file, if it is alive. */
export function liveOwnerIn(text: string): number | undefined {
  const owner = ownerIn(text);
  if (owner === undefined || !isAlive(owner)) return undefined;
  const written = text.split('\n')[1];
  const birth = birthOf(owner);
  return !written || birth === undefined || written === birth ? owner : undefined;
}

/**
 * Identifies a process among all that have had its pid: in a container the next start mostly has the same pid.
 * Undefined if the system does not tell.
 */
function birthOf(pid: number): string | undefined {
  try {
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The 20th field after the process's name (which may contain anything) is its start time in ticks since boot.
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
}

/** Returns false if the file is gone: with its directory, or because a rival saw it before it had its text. */
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

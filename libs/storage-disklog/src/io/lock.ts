import * as fs from 'node:fs';
import { LockedError, StorageIoError } from '@genrocks/storage';
import { isErrno } from './file-system.js';
import { type KernelLocks, loadKernelLocks } from './kernel-locks.js';

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
/** What this process writes into its lock files. */
const OWN_TEXT = `${process.pid}\n${birthOf(process.pid) ?? ''}\n`;

/** Takes the lock, or throws `LOCKED` with the owner's pid. */
export function lockDirectory(path: string, what: string): DirectoryLock {
  return kernelLocks === undefined ? lockByPid(path, what) : lockByKernel(kernelLocks, path, what);
}

function lockByKernel(locks: KernelLocks, path: string, what: string): DirectoryLock {
  // Not to append: Windows would not let such a file be truncated.
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o644);
  try {
    if (!tryLock(locks, fd, what)) throw new LockedError(what, ownerOf(path));
    fs.ftruncateSync(fd, 0);
    fs.writeSync(fd, OWN_TEXT, 0);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  return { release: () => fs.closeSync(fd) };
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
 * Where the platform has no prebuilt kernel lock: a file that must not exist yet. One left by a dead process is moved
 * away under a name of its own first, so that of several starters only one can take its place.
 */
function lockByPid(path: string, what: string): DirectoryLock {
  const own = `${path}.${process.pid}`;
  for (;;) {
    // Under its name it is there whole or not at all: an empty one would pass for that of a dead process.
    fs.writeFileSync(own, OWN_TEXT);
    try {
      fs.linkSync(own, path);
      return { release: () => fs.rmSync(path, { force: true }) };
    } catch (error) {
      if (isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'))
        throw withoutLinks(what, error);
      if (!isErrno(error, 'EEXIST')) throw error;
    } finally {
      fs.rmSync(own, { force: true });
    }
    const text = readText(path);
    if (text === undefined) continue;
    const owner = liveOwnerIn(text);
    if (owner !== undefined) throw new LockedError(what, owner);
    if (!moveAway(path, own)) continue;
    const moved = readText(own);
    if (moved !== text) {
      // Another starter was faster and this is its lock: put it back.
      fs.renameSync(own, path);
      throw new LockedError(what, ownerIn(moved ?? ''));
    }
    fs.rmSync(own, { force: true });
  }
}

function withoutLinks(what: string, error: unknown): StorageIoError {
  const { code } = error as NodeJS.ErrnoException;
  return new StorageIoError(
    `cannot lock ${what}: its file system makes no hard links (${code}), and fs-native-extensions has no binary for ` +
      `${process.platform}-${process.arch}; put log_dir on a file system that makes them`,
    error,
  );
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

/** False where the file is gone already. */
function moveAway(path: string, to: string): boolean {
  try {
    fs.renameSync(path, to);
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

import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { LockedError } from '@genrocks/storage';
import { isErrno } from './file-system.js';

/**
 * Keeps a second process (or a second store in this one) out of a directory.
 *
 * The lock is the kernel's, on an open file: it ends with the process, however that ends, so a kill leaves nothing to
 * clean up and two starters can never both win. The file's text is only there to name the owner.
 */
export interface DirectoryLock {
  release(): void;
}

interface KernelLocks {
  tryLock(fd: number): boolean;
}

const kernelLocks = loadKernelLocks();

/** Takes the lock, or throws `LOCKED` with the owner's pid. */
export function lockDirectory(path: string, what: string): DirectoryLock {
  return kernelLocks === undefined ? lockByPid(path, what) : lockByKernel(kernelLocks, path, what);
}

function lockByKernel(locks: KernelLocks, path: string, what: string): DirectoryLock {
  const fd = fs.openSync(path, 'a+');
  if (!locks.tryLock(fd)) {
    fs.closeSync(fd);
    throw new LockedError(what, readOwner(path));
  }
  fs.ftruncateSync(fd, 0);
  fs.writeSync(fd, `${process.pid}\n`);
  return { release: () => fs.closeSync(fd) };
}

/**
 * Where the platform has no prebuilt kernel lock: a file that must not exist yet. One left by a dead process is moved
 * away under a name of its own first, so that of several starters only one can take its place.
 */
function lockByPid(path: string, what: string): DirectoryLock {
  for (;;) {
    try {
      fs.writeFileSync(path, `${process.pid}\n`, { flag: 'wx' });
      return { release: () => fs.rmSync(path, { force: true }) };
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    const owner = readOwner(path);
    if (owner !== undefined && isAlive(owner)) throw new LockedError(what, owner);
    const stale = `${path}.${process.pid}`;
    fs.renameSync(path, stale);
    const moved = readOwner(stale);
    if (moved !== owner) {
      // Another starter was faster and this is its lock: put it back.
      fs.renameSync(stale, path);
      throw new LockedError(what, moved);
    }
    fs.rmSync(stale, { force: true });
  }
}

function readOwner(path: string): number | undefined {
  const pid = Number.parseInt(fs.readFileSync(path, 'utf8'), 10);
  return Number.isInteger(pid) ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}

function loadKernelLocks(): KernelLocks | undefined {
  try {
    return createRequire(import.meta.url)('fs-native-extensions') as KernelLocks;
  } catch {
    return undefined;
  }
}

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isErrno } from './file-system.js';

/** Locks of the kernel on open files. */
export interface KernelLocks {
  /** False where another open file has the lock. Throws the system's error. */
  tryLock(fd: number): boolean;
}

interface Package {
  tryLock(fd: number, offset: number, length: number): boolean;
}

/** The package's binary by itself. */
interface Binary {
  tryLock(fd: number, offset: number, length: number, exclusive: boolean): void;
}

/**
 * Windows lets nobody else read bytes that are locked, and the owner's pid is to be read: so a byte far behind it is
 * locked there. Elsewhere a lock hinders no reader, and it is on the whole file.
 */
const [START, LENGTH] = process.platform === 'win32' ? [2 ** 30, 1] : [0, 0];

/** Undefined where there is no binary for this platform. */
export function loadKernelLocks(): KernelLocks | undefined {
  const require = createRequire(import.meta.url);
  try {
    const locks = require('fs-native-extensions') as Package;
    return { tryLock: (fd) => locks.tryLock(fd, START, LENGTH) };
  } catch {
    return process.platform === 'linux' ? loadByName(require) : undefined;
  }
}

/**
 * On Alpine the package looks for a binary of its own for musl, which there is none of. The one for other Linuxes
 * needs nothing of glibc that musl has not, and a lock by pid would tell nothing of a process in another container.
 */
function loadByName(require: NodeJS.Require): KernelLocks | undefined {
  try {
    const directory = dirname(require.resolve('fs-native-extensions/package.json'));
    const name = join(directory, 'prebuilds', `linux-${process.arch}`, 'fs-native-extensions.node');
    const binary = require(name) as Binary;
    return { tryLock: (fd) => takes(() => binary.tryLock(fd, START, LENGTH, true)) };
  } catch {
    return undefined;
  }
}

function takes(lock: () => void): boolean {
  try {
    lock();
    return true;
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return false;
    throw error;
  }
}

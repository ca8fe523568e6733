import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isErrno } from './file-system.js';

/** Kernel locks on open files. */
export interface KernelLocks {
  /** Returns false if another open file has the lock. Throws the system's error. */
  tryLock(fd: number): boolean;
}

interface Package {
  tryLock(fd: number, offset: number, length: number): boolean;
}

/** The package's native binary by itself. */
interface Binary {
  tryLock(fd: number, offset: number, length: number, exclusive: boolean): void;
}

/**
 * Windows does not let others read locked bytes, but the owner's pid must stay readable, so a byte far behind it is
 * locked there. Elsewhere a lock does not hinder readers and covers the whole file.
 */
const [START, LENGTH] = process.platform === 'win32' ? [2 ** 30, 1] : [0, 0];

/** Undefined if there is no binary for this platform. */
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
 * On Alpine the package looks for a musl binary, which does not exist. The glibc binary needs nothing that musl
 * lacks, and a lock by pid would not see processes in other containers.
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

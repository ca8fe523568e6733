import { readFileSync } from 'node:fs';

/**
 * The process that has a log open, by what it wrote into the lock file: undefined where there is none, or that process
 * has ended. The lock itself is not touched, since trying it would keep out a broker that starts at that moment.
 */
export function liveOwner(lockFile: string): number | undefined {
  let pid: number;
  try {
    pid = Number.parseInt(readFileSync(lockFile, 'utf8'), 10);
  } catch {
    return undefined;
  }
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : undefined;
  }
}

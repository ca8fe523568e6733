import { readFileSync } from 'node:fs';
import { liveOwnerIn } from '../io/lock.js';

/**
 * The process that has a log open, by what it wrote into the lock file: undefined where there is none, or that process
 * has ended. The lock itself is not touched, since trying it would keep out a broker that starts at that moment.
 */
export function liveOwner(lockFile: string): number | undefined {
  try {
    return liveOwnerIn(readFileSync(lockFile, 'utf8'));
  } catch {
    return undefined;
  }
}

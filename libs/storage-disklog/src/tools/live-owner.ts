import { readFileSync } from 'node:fs';
import { liveOwnerIn } from '../io/lock.js';

/**
 * The process that has a log open, according to the lock file. Undefined if there is none, or that process has ended.
 * The lock itself is not tried, since that would keep out a broker starting at that moment.
 */
export function liveOwner(lockFile: string): number | undefined {
  try {
    return liveOwnerIn(readFileSync(lockFile, 'utf8'));
  } catch {
    return undefined;
  }
}

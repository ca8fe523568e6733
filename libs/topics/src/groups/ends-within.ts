import { systemClock } from '../clock.js';

/** True if the work ends within this many milliseconds of real time. */
export async function endsWithin(work: Promise<void> | undefined, ms: number): Promise<boolean> {
  if (work === undefined) return true;
  const timer = new AbortController();
  const ended = await Promise.race([
    work.then(() => true),
    systemClock.sleep(ms, timer.signal).then(() => false),
  ]);
  timer.abort();
  return ended;
}

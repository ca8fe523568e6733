import type { LogFile } from './log-file.js';

/** Reads up to this size may be made on this thread, while the device proves fast enough. */
const SYNC_READ_BYTES = 64 << 10;
/** A read that took longer came from the device, and others should not stop the event loop as long. */
const SLOW_READ_MS = 0.5;
/** What a slow read counts against fast ones: more than one slow read in so many is too many. */
const SLOW_WEIGHT = 32;
const TOO_SLOW = 4 * SLOW_WEIGHT;
const SLOW_PERIOD_MS = 250;

let score = 0;
let slowUntil = 0;

/**
 * A read that the page cache answers takes a few microseconds on this thread and ten times that through the thread
 * pool. Where reads turn out to wait for the device, those of the next moments go through the pool.
 */
export function readBytes(file: LogFile, at: number, length: number): Buffer | Promise<Buffer> {
  if (length > SYNC_READ_BYTES) return file.read(at, length);
  const started = performance.now();
  if (started < slowUntil) return file.read(at, length);
  const bytes = file.readSync(at, length);
  const ended = performance.now();
  if (ended - started < SLOW_READ_MS) score = Math.max(0, score - 1);
  else if ((score += SLOW_WEIGHT) >= TOO_SLOW) {
    score = 0;
    slowUntil = ended + SLOW_PERIOD_MS;
  }
  return bytes;
}

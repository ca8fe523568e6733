// The global is an accessor, which costs as much as asking for the time.
import { performance } from 'node:perf_hooks';
import type { Allocate } from '@genrocks/storage';
import type { LogFile } from './log-file.js';

/** What a slow call counts against fast ones: more than one slow call in so many is too many. */
const SLOW_WEIGHT = 32;
const TOO_SLOW = 4 * SLOW_WEIGHT;
const SLOW_PERIOD_MS = 250;
/** How long the calls of one turn of the event loop may take together with what runs between them. */
const MAX_TURN_MS = 3;

let turnBegan: number | undefined;
const endTurn = () => (turnBegan = undefined);

/**
 * Decides which calls are made on this thread. One that the page cache answers takes a few microseconds here and ten
 * times that through the thread pool. Where calls turn out to wait for the device, those of the next moments go through
 * the pool; and whoever makes one after the other, never waiting for anything else, goes through it now and then, so
 * that the event loop turns.
 */
export class OwnThread {
  private score = 0;
  private slowUntil = 0;

  /** @param slowMs a call that took longer came from the device, and others should not stop the event loop as long */
  constructor(private readonly slowMs: number) {}

  isAllowed(now: number): boolean {
    if (now < this.slowUntil) return false;
    if (turnBegan === undefined) {
      turnBegan = now;
      setImmediate(endTurn);
    }
    return now - turnBegan < MAX_TURN_MS;
  }

  /** Tells how long a call took. */
  took(ms: number, now: number): void {
    if (ms < this.slowMs) this.score = Math.max(0, this.score - 1);
    else if ((this.score += SLOW_WEIGHT) >= TOO_SLOW) {
      this.score = 0;
      this.slowUntil = now + SLOW_PERIOD_MS;
    }
  }
}

/** Reads up to this size may be made on this thread. */
const MAX_READ_BYTES = 64 << 10;
const reads = new OwnThread(0.5);

/** Bytes of committed items, read to memory of their own or to what `allocate` gives. */
export function readBytes(
  file: LogFile,
  at: number,
  length: number,
  allocate?: Allocate,
): Buffer | Promise<Buffer> {
  if (length > MAX_READ_BYTES) return file.read(at, length, allocate);
  const started = performance.now();
  if (!reads.isAllowed(started)) return file.read(at, length, allocate);
  const bytes = file.readSync(at, length, allocate);
  const ended = performance.now();
  reads.took(ended - started, ended);
  return bytes;
}

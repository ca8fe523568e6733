// The global is an accessor, which costs as much as reading the clock.
import { performance } from 'node:perf_hooks';
import type { Allocate } from '@genrocks/storage';
import type { LogFile } from './log-file.js';

/** How much a slow call outweighs a fast one: more than one slow call in this many is too many. */
const SLOW_WEIGHT = 32;
const TOO_SLOW = 4 * SLOW_WEIGHT;
const SLOW_PERIOD_MS = 250;
/** How long the calls of one turn of the event loop may take, including what runs between them. */
const MAX_TURN_MS = 3;

let turnBegan: number | undefined;
const endTurn = () => (turnBegan = undefined);

/**
 * Decides which calls are made on this thread. A call that the page cache answers takes a few microseconds here, and
 * ten times that through the thread pool. Once calls turn out to wait for the device, they go through the pool for a
 * while. So do, now and then, the calls of a caller that never waits for anything else, so that the event loop turns.
 */
export class OwnThread {
  private score = 0;
  private slowUntil = 0;

  /** @param slowMs a call that takes longer has waited for the device; such calls should not block the event loop */
  constructor(private readonly slowMs: number) {}

  isAllowed(now: number): boolean {
    if (now < this.slowUntil) return false;
    if (turnBegan === undefined) {
      turnBegan = now;
      setImmediate(endTurn);
    }
    return now - turnBegan < MAX_TURN_MS;
  }

  /** Records how long a call took. */
  took(ms: number, now: number): void {
    if (ms < this.slowMs) this.score = Math.max(0, this.score - 1);
    else if ((this.score += SLOW_WEIGHT) >= TOO_SLOW) {
      this.score = 0;
      this.slowUntil = now + SLOW_PERIOD_MS;
    }
  }
}

/** Largest read that may be made on this thread. */
const MAX_READ_BYTES = 64 << 10;
const reads = new OwnThread(0.5);

/** Bytes of committed items, read into memory of their own or into what `allocate` returns. */
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

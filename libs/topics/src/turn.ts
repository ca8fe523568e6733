import { setImmediate } from 'node:timers/promises';

/** How long work may go on without letting timers and sockets have a turn. */
const MAX_MS = 5;

/**
 * Lets the event loop breathe. Storage in memory answers within microtasks, so a busy loop over it would starve
 * timers, sockets and signals for as long as there is work. All loops of a service share one of these: any of them
 * that comes after the time is over takes the pause.
 */
export class Turn {
  private began = performance.now();
  private pause: Promise<void> | undefined;

  /** Undefined while there is time left; otherwise what to await. */
  over(): Promise<void> | undefined {
    if (this.pause !== undefined) return this.pause;
    if (performance.now() - this.began < MAX_MS) return undefined;
    this.pause = setImmediate().then(() => {
      this.began = performance.now();
      this.pause = undefined;
    });
    return this.pause;
  }
}

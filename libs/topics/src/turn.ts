import { setImmediate } from 'node:timers/promises';

/** How long work may run before timers and sockets get a turn. */
const MAX_MS = 5;

/**
 * Yields to the event loop. Storage in memory answers within microtasks, so a busy loop over it would starve timers,
 * sockets and signals for as long as there is work. All loops of a service share one instance: the first to ask after the
 * time is over makes the pause, and the others join it.
 */
export class Turn {
  private began = performance.now();
  private pause: Promise<void> | undefined;

  /** Undefined while there is time left; otherwise a promise to await. */
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

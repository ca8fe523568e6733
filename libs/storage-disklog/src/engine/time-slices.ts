import { setImmediate as turn } from 'node:timers/promises';

/** How long a background task works before everything else has its turn. */
const SLICE_MS = 1;

/**
 * Cuts the work of a background task into slices, between which the event loop turns. Awaiting alone does not do that
 * where nothing has to be waited for.
 */
export class TimeSlices {
  private until = 0;

  /** @param check runs before every slice, and ends the task by throwing */
  constructor(private readonly check: () => void = () => {}) {}

  get isOver(): boolean {
    return performance.now() >= this.until;
  }

  /** Lets the event loop turn. */
  async pause(): Promise<void> {
    await turn();
    this.check();
    this.until = performance.now() + SLICE_MS;
  }
}

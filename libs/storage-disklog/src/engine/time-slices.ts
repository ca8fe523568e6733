import { setImmediate as turn } from 'node:timers/promises';

/** How long a background task works before everything else gets a turn. */
const SLICE_MS = 1;

/**
 * Cuts the work of a background task into slices, with a turn of the event loop between them. An `await` alone does
 * not let the loop turn if there is nothing to wait for.
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

import type { LogEnd } from '../engine/log-end.js';
import type { Frame, Item } from '../format/item.js';
import type { SnapshotFile } from './snapshot-file.js';

/**
 * Is the current file the one of which `log.end` was written when the log was closed? Nothing but that record tells it of
 * a log of one file. Items may have come since, ours or Erlang's; what stood before its end stands there still. A file
 * that has as many items up to the same byte passes, whatever is in them.
 */
export class EndCheck {
  private readonly end: LogEnd | undefined;
  private items = 0;
  private generation: number | undefined;
  /** What was found where the log ended once; undefined while no item ends there. */
  private reached: { readonly items: number; readonly sequence: number | undefined } | undefined;

  constructor({ isCurrent, number }: SnapshotFile, end: LogEnd | undefined) {
    // A log that is closed in front of its first item tells nothing.
    this.end = isCurrent && end?.number === number && end.items > 0 ? end : undefined;
  }

  check({ trailer }: Item, { end }: Frame): void {
    this.items++;
    this.generation = trailer?.generation ?? this.generation;
    if (end === this.end?.end) this.reached = { items: this.items, sequence: trailer?.sequence };
  }

  /**
   * What is wrong with an undamaged file, undefined where nothing is.
   * @param fileEnd where its last item ends; a file that ends too early is told of elsewhere
   */
  finish(fileEnd: number): string | undefined {
    const { end, generation, reached } = this;
    if (end === undefined || generation === undefined) return undefined;
    const told = `log.end tells of generation ${end.generation}, with ${end.items} item(s) up to byte ${end.end}`;
    // Files of one number only ever get higher generations.
    if (generation < end.generation)
      return `not the file of this log: its generation is ${generation}, ${told}`;
    if (generation > end.generation || fileEnd < end.end) return undefined;
    if (reached === undefined) return `not the file of this log: no item ends there, ${told}`;
    const isSame = reached.items === end.items && (reached.sequence ?? 0) <= end.lastSequence;
    return isSame ? undefined : `not the file of this log: it has ${reached.items} up to there, ${told}`;
  }
}

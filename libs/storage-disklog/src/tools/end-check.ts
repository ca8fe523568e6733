import type { LogEnd } from '../engine/log-end.js';
import type { Frame, Item } from '../format/item.js';
import type { SnapshotFile } from './snapshot-file.js';

/**
 * Whether the current file is the one that `log.end` described when the log was closed. For a log of one file,
 * nothing else tells. Items may have been added since, by us or by Erlang, but those before the recorded end are
 * still there. A file with as many items up to the same byte passes, whatever they contain.
 */
export class EndCheck {
  private readonly end: LogEnd | undefined;
  private items = 0;
  private generation: number | undefined;
  /** What was found where the log once ended; undefined until an item ends there. */
  private reached: { readonly items: number; readonly sequence: number | undefined } | undefined;

  constructor({ isCurrent, number }: SnapshotFile, end: LogEnd | undefined) {
    // A log that was closed before its first item tells nothing.
    this.end = isCurrent && end?.number === number && end.items > 0 ? end : undefined;
  }

  check({ trailer }: Item, { end }: Frame): void {
    this.items++;
    this.generation = trailer?.generation ?? this.generation;
    if (end === this.end?.end) this.reached = { items: this.items, sequence: trailer?.sequence };
  }

  /**
   * What is wrong with an undamaged file; undefined if nothing is.
   * @param fileEnd where its last item ends; a file that ends too early is reported elsewhere
   */
  finish(fileEnd: number): string | undefined {
    const { end, generation, reached } = this;
    if (end === undefined || generation === undefined) return undefined;
    const told = `log.end records generation ${end.generation} with ${end.items} item(s) up to byte ${end.end}`;
    const other = (found: string) => `not the file of this log: ${told}, but ${found}`;
    // Files of one number only ever get higher generations.
    if (generation < end.generation) return other(`its generation is ${generation}`);
    if (generation > end.generation || fileEnd < end.end) return undefined;
    if (reached === undefined) return other('no item ends there');
    const isSame = reached.items === end.items && (reached.sequence ?? 0) <= end.lastSequence;
    return isSame ? undefined : other(`it has ${reached.items} item(s) up to there`);
  }
}

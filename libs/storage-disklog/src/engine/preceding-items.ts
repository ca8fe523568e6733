import type { Trailer } from '../format/item.js';
import { type Preceding, SMALL_BYTES } from '../format/log-format.js';

/**
 * After damage, everything that looks like an item is read whole to see whether it is one. A value may consist of
 * nothing but such places, each ending where the value ends. So the bytes read in vain are limited, and the work
 * stays in proportion to the file. Beyond the limit, what looks like a large item counts as damaged.
 */
const CREDIT_PER_BYTE = 4;

/**
 * What the items of a file met so far say, so that after damage nothing passes for an item of this file that is not
 * one: a value may contain bytes that look like an item, and whoever sends values may know the format.
 */
export class PrecedingItems implements Preceding {
  sequence: number | undefined;
  synced = 0;
  private generation: number | undefined;
  private bareLast = false;
  /** Bytes that may still be read after damage for what may turn out not to be an item. */
  private credit: number;
  private guessed = false;

  /**
   * @param size of the file
   * @param knownOurs the file's items have trailers, although none was met yet
   */
  constructor(
    size: number,
    private readonly knownOurs = false,
  ) {
    this.credit = CREDIT_PER_BYTE * size;
  }

  get isMixed(): boolean {
    return this.guessed && this.generation !== undefined;
  }

  /** @param tried bytes of an item found after damage: they were not read in vain */
  add(trailer: Trailer | undefined, tried = 0): void {
    this.credit += tried;
    this.bareLast = trailer === undefined;
    if (trailer === undefined) return;
    this.generation = trailer.generation;
    this.sequence = trailer.sequence;
    this.synced = Math.max(this.synced, trailer.synced);
  }

  mayTry(bytes: number): boolean {
    if (bytes <= SMALL_BYTES) return true;
    if (bytes > this.credit) return false;
    this.credit -= bytes;
    return true;
  }

  /** Whether an item with this trailer (undefined for Erlang's, which has none) could come next, at this position. */
  allows(trailer: Trailer | undefined, at: number): boolean {
    if (trailer === undefined) {
      if (this.bareLast) return true;
      if (this.knownOurs || this.generation !== undefined) return false;
      return (this.guessed = true);
    }
    if (trailer.synced > at) return false;
    if (this.generation !== undefined && trailer.generation !== this.generation) return false;
    return this.sequence === undefined || trailer.sequence > this.sequence;
  }
}

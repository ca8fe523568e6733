import type { KeyRange } from '@genrocks/storage';
import { extentOf } from './entry-reader.js';
import { Heap, type Ranked } from './heap.js';
import type { LogFile } from './log-file.js';
import type { Slot } from '../format/entry-layout.js';

/** Keys fetched from a file at a time: few at first, since many readers take only a few. */
const FIRST_FETCH = 8;
const MAX_FETCH = 256;

/** A key's newest entry, and the file that contains it. */
export interface Found {
  readonly key: string;
  readonly slot: Slot;
  readonly file: LogFile;
}

/** Walks the keys of one file through a range. */
class FileCursor implements Ranked<FileCursor> {
  /** The current key; undefined at the end. */
  key: string | undefined;
  private page: [string, Slot][] = [];
  private position = 0;
  private lower: string;
  private upper: string | undefined;
  private ended = false;
  private fetchSize = FIRST_FETCH;

  constructor(
    readonly file: LogFile,
    /** Higher is newer. */
    private readonly age: number,
    private readonly range: KeyRange,
  ) {
    this.lower = range.lower;
    this.upper = range.upper;
    this.fetch();
  }

  get slot(): Slot {
    return this.page[this.position]![1];
  }

  /** Among equal keys the newest file comes first, as its entry is the one that counts. */
  isBefore({ key, age }: FileCursor): boolean {
    return this.key === key ? this.age > age : this.precedes(key!);
  }

  /** Whether it stands before a key, in the direction of the walk. */
  precedes(key: string): boolean {
    return this.key !== undefined && (this.range.reverse ? this.key > key : this.key < key);
  }

  advance(): void {
    if (++this.position === this.page.length && !this.ended) this.fetch();
    else this.key = this.page[this.position]?.[0];
  }

  private fetch(): void {
    const { fetchSize } = this;
    this.fetchSize = Math.min(MAX_FETCH, 4 * fetchSize);
    this.page = this.file.keys.page(this.lower, this.upper, this.range.reverse, fetchSize);
    this.position = 0;
    this.key = this.page[0]?.[0];
    this.ended = this.page.length < fetchSize;
    const last = this.page.at(-1)?.[0];
    if (last === undefined) return;
    if (this.range.reverse) this.upper = last;
    else this.lower = `${last}\0`;
  }
}

/**
 * Merges the keys of all files into one walk in key order: each key once, with its newest entry. As long as the key
 * ranges of files do not interleave, which is usual for a log, the walk stays in one file and compares with one other
 * key.
 */
export class MergedCursor {
  private readonly cursors = new Heap<FileCursor>();
  /** The last key that was met; older entries of it may follow. */
  private met: string | undefined;
  private spent = false;

  /** `files` oldest first. */
  constructor(files: readonly LogFile[], range: KeyRange) {
    for (const [age, file] of files.entries()) {
      const cursor = new FileCursor(file, age, range);
      if (cursor.key !== undefined) this.cursors.push(cursor);
    }
  }

  /** Whether the last call ended because the next entry would have exceeded its `maxBytes`. */
  get isSpent(): boolean {
    return this.spent;
  }

  /**
   * Up to `max` live entries that take up to `maxBytes` in the file; with `isFirst`, one entry even if it takes more.
   * Empty at the end.
   */
  next(max: number, maxBytes: number, isFirst: boolean): Found[] {
    const { cursors } = this;
    const found: Found[] = [];
    let left = maxBytes;
    this.spent = false;
    while (found.length < max) {
      const first = cursors.top;
      if (first === undefined) break;
      // Until the smallest key of all others, this cursor leads alone.
      const limit = cursors.second?.key;
      do {
        const key = first.key!;
        const { slot } = first;
        if (key !== this.met && !slot.deleted) {
          left -= extentOf(slot).length;
          this.spent = left < 0 && !(isFirst && found.length === 0);
          if (this.spent) return found;
          found.push({ key, slot, file: first.file });
        }
        this.met = key;
        first.advance();
      } while (found.length < max && (limit === undefined ? first.key !== undefined : first.precedes(limit)));
      if (first.key === undefined) cursors.pop();
      else cursors.sink();
    }
    return found;
  }
}

import type { KeyRange } from '@genrocks/storage';
import { extentOf } from './entry-reader.js';
import type { LogFile } from './log-file.js';
import type { Slot } from '../format/entry-layout.js';

/** Keys fetched from a file's keys at a time: few at first, since many a reader takes no more than a few. */
const FIRST_FETCH = 8;
const MAX_FETCH = 256;

/** A key's newest entry, and the file it stands in. */
export interface Found {
  readonly key: string;
  readonly slot: Slot;
  readonly file: LogFile;
}

/** Walks the keys of one file through a range. */
class FileCursor {
  private page: [string, Slot][] = [];
  private position = 0;
  private lower: string;
  private upper: string | undefined;
  private ended = false;
  private fetchSize = FIRST_FETCH;

  constructor(
    readonly file: LogFile,
    private readonly range: KeyRange,
  ) {
    this.lower = range.lower;
    this.upper = range.upper;
    this.fetch();
  }

  /** The key the cursor stands on; undefined at the end. */
  get key(): string | undefined {
    return this.page[this.position]?.[0];
  }

  get slot(): Slot {
    return this.page[this.position]![1];
  }

  advance(): void {
    if (++this.position === this.page.length && !this.ended) this.fetch();
  }

  private fetch(): void {
    const { fetchSize } = this;
    this.fetchSize = Math.min(MAX_FETCH, 4 * fetchSize);
    this.page = this.file.keys.page(this.lower, this.upper, this.range.reverse, fetchSize);
    this.position = 0;
    this.ended = this.page.length < fetchSize;
    const last = this.page.at(-1)?.[0];
    if (last === undefined) return;
    if (this.range.reverse) this.upper = last;
    else this.lower = `${last}\0`;
  }
}

/**
 * Merges the keys of all files into one walk in key order, each key once, with its newest entry. Where files hold
 * keys that do not interleave, as a log's mostly do not, the walk stays in one file and compares with one other key.
 */
export class MergedCursor {
  private readonly cursors: FileCursor[];
  private spent = false;

  /** `files` oldest first. */
  constructor(
    files: readonly LogFile[],
    private readonly range: KeyRange,
  ) {
    // Newest first, so that among equal keys the first cursor has the entry that counts.
    this.cursors = [...files].reverse().map((file) => new FileCursor(file, range));
  }

  /** The last call ended because the next entry would have passed its `maxBytes`. */
  get isSpent(): boolean {
    return this.spent;
  }

  /** Up to `max` live entries that take up to `maxBytes` in the file, or `isFirst` and one that takes more; empty at the end. */
  next(max: number, maxBytes: number, isFirst: boolean): Found[] {
    const found: Found[] = [];
    let left = maxBytes;
    this.spent = false;
    while (found.length < max) {
      const [first, limit] = this.lead();
      if (first === undefined) break;
      do {
        const key = first.key!;
        const { slot } = first;
        if (!slot.deleted) {
          left -= extentOf(slot).length;
          this.spent = left < 0 && !(isFirst && found.length === 0);
          if (this.spent) return found;
          found.push({ key, slot, file: first.file });
        }
        first.advance();
        this.skip(key, first);
      } while (found.length < max && this.before(first.key, limit));
    }
    return found;
  }

  /** The cursor with the next key, and the next key of all others: up to there the cursor leads alone. */
  private lead(): [FileCursor | undefined, string | undefined] {
    let first: FileCursor | undefined;
    let limit: string | undefined;
    for (const cursor of this.cursors) {
      if (cursor.key === undefined) continue;
      if (first === undefined) first = cursor;
      else if (this.before(cursor.key, first.key)) {
        limit = first.key;
        first = cursor;
      } else if (limit === undefined || this.before(cursor.key, limit)) limit = cursor.key;
    }
    return [first, limit];
  }

  /** Passes over older entries of a key in the other files. */
  private skip(key: string, taken: FileCursor): void {
    for (const cursor of this.cursors) if (cursor !== taken && cursor.key === key) cursor.advance();
  }

  private before(key: string | undefined, limit: string | undefined): boolean {
    if (key === undefined) return false;
    if (limit === undefined) return true;
    return this.range.reverse ? key > limit : key < limit;
  }
}

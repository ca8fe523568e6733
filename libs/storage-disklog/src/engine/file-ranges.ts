import type { LogFile } from './log-file.js';

/**
 * What is known of the ranges of keys of a log's files. A log is mostly appended to in key order, so that of a thousand
 * files one can hold a key; it is found here without asking the others. Files are looked at when they are first asked
 * for: a log that was just opened need not read something of each of them.
 */
export class FileRanges {
  private readonly count: number;
  /** From this file on up to the newest that was left, each one's keys are above those of the one before. */
  private knownFrom: number;
  private readonly lowest: string[] = [];
  private readonly highest: string[] = [];

  /**
   * @param files oldest first; the last one is being written, and anything may come to be in it
   * @param repairs how often a file was found to hold other keys, or to be damaged, before
   */
  constructor(
    private readonly files: readonly LogFile[],
    private readonly repairs: number,
  ) {
    this.count = files.length;
    this.knownFrom = this.count - 1;
  }

  /** Files only ever come at the end of a list; where one goes, there is a new list. */
  isOf(files: readonly LogFile[], repairs: number): boolean {
    return files === this.files && files.length === this.count && repairs === this.repairs;
  }

  /** The newest file, from an index on downwards, that may hold a key or is damaged; -1 where there is none. */
  next(key: string, from: number): number {
    if (from === this.count - 1) return from;
    if (from < this.knownFrom) return this.lookBelow(key, from);
    const at = this.search(key, from);
    return at >= 0 ? at : this.lookBelow(key, this.knownFrom - 1);
  }

  private lookBelow(key: string, from: number): number {
    for (let at = from; at >= 0; at--) {
      if (!this.learn(at)) return at;
      if (this.lowest[at]! <= key && key <= this.highest[at]!) return at;
    }
    return -1;
  }

  /** Looks at the file below those that are known; false where it does not continue them. */
  private learn(at: number): boolean {
    const file = this.files[at]!;
    const { bounds } = file.keys;
    const above = this.lowest[at + 1];
    if (at !== this.knownFrom - 1 || file.damage.length > 0 || bounds === undefined) return false;
    if (above !== undefined && bounds.highest >= above) return false;
    this.lowest[at] = bounds.lowest;
    this.highest[at] = bounds.highest;
    this.knownFrom = at;
    return true;
  }

  /** The file among those known, up to an index, in whose range the key lies. */
  private search(key: string, upTo: number): number {
    let low = this.knownFrom;
    let high = upTo;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.highest[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return this.lowest[low]! <= key && key <= this.highest[low]! ? low : -1;
  }
}

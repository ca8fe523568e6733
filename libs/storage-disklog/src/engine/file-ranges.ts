import type { LogFile } from './log-file.js';

/**
 * The key ranges of a log's files. A log is mostly appended to in key order, so one file of a thousand can hold a
 * given key, and it is found here without asking the others. A file is examined only when it is first needed, so a
 * log that was just opened does not read something from every file.
 */
export class FileRanges {
  private readonly count: number;
  /** From this file up to the newest closed one, each file's keys are above those of the file before. */
  private knownFrom: number;
  private readonly lowest: string[] = [];
  private readonly highest: string[] = [];

  /**
   * @param files oldest first; the last one is being written and may come to contain any key
   * @param repairs how many times, so far, a file was found to hold other keys or to be damaged
   */
  constructor(
    private readonly files: readonly LogFile[],
    private readonly repairs: number,
  ) {
    this.count = files.length;
    this.knownFrom = this.count - 1;
  }

  /** Files are only ever added at the end of a list; removing one makes a new list. */
  isOf(files: readonly LogFile[], repairs: number): boolean {
    return files === this.files && files.length === this.count && repairs === this.repairs;
  }

  /** The newest file, from an index downwards, that may hold a key or is damaged; -1 if there is none. */
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

  /** Examines the file below the known ones; false if its keys do not all lie below theirs. */
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

  /** The known file, up to an index, whose range contains the key; -1 if there is none. */
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

/** A run of offsets, from the first to the one after the last. */
export type OffsetRange = readonly [from: number, to: number];

/** A set of offsets, stored as sorted runs that do not touch. */
export class OffsetRanges {
  private ranges: [number, number][];

  constructor(ranges: readonly OffsetRange[] = []) {
    this.ranges = ranges.map(([from, to]) => [from, to]);
  }

  get count(): number {
    return this.ranges.length;
  }

  has(offset: number): boolean {
    const range = this.ranges[this.above(offset) - 1];
    return range !== undefined && offset < range[1];
  }

  add(offset: number): void {
    if (this.has(offset)) return;
    const at = this.above(offset);
    const before = this.ranges[at - 1];
    const behind = this.ranges[at];
    const joinsBefore = before !== undefined && before[1] === offset;
    const joinsBehind = behind !== undefined && behind[0] === offset + 1;
    if (joinsBefore && joinsBehind) {
      before[1] = behind[1];
      this.ranges.splice(at, 1);
    } else if (joinsBefore) before[1]++;
    else if (joinsBehind) behind[0]--;
    else this.ranges.splice(at, 0, [offset, offset + 1]);
  }

  /** Removes the runs that lie entirely below an offset. */
  cut(start: number): void {
    this.ranges = this.ranges.filter(([, to]) => to > start);
  }

  toJSON(): readonly OffsetRange[] {
    return this.ranges;
  }

  /** Index of the first run that starts above the offset. */
  private above(offset: number): number {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ranges[middle]![0] <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

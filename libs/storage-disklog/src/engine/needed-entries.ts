import type { SegmentVerdict } from './segment-join.js';
import type { TimeSlices } from './time-slices.js';

/** Read of the index at a time. */
const READ_BYTES = 64 << 10;
/** No entry takes less room in a file, in whatever format: two of them are at least so far apart. */
const LEAST_BYTES = 4;

/**
 * The entries of a segment that are still needed, by where they stand: the verdict is in the order of the keys, and the
 * segment is copied in the order of the log. A bit for every few bytes of the file, so that nothing has to be sorted.
 */
export class NeededEntries {
  private readonly bits: Uint8Array;

  private constructor(fileBytes: number) {
    this.bits = new Uint8Array(Math.floor(bitOf(fileBytes, 0) / 8) + 1);
  }

  static async of(verdict: SegmentVerdict, slices: TimeSlices): Promise<NeededEntries> {
    const needed = new NeededEntries(verdict.file.end);
    let place = 0;
    for await (const page of verdict.keys.pages(READ_BYTES)) {
      if (slices.isOver) await slices.pause();
      for (let i = 0; i < page.count; i++) {
        if (verdict.isOutdated(place++)) continue;
        const { at, index } = page.slotAt(i);
        needed.add(bitOf(at, index));
      }
    }
    return needed;
  }

  /** Is the entry with this index in the item at this position needed? */
  has(at: number, index: number): boolean {
    const bit = bitOf(at, index);
    return (this.bits[Math.floor(bit / 8)]! & (1 << (bit % 8))) !== 0;
  }

  private add(bit: number): void {
    this.bits[Math.floor(bit / 8)]! |= 1 << (bit % 8);
  }
}

/** Of no two entries the same: the entries of an item lie in it, and it is at least so much longer. */
function bitOf(at: number, index: number): number {
  return Math.floor(at / LEAST_BYTES) + index;
}

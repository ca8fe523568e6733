import type { SegmentVerdict } from './segment-join.js';
import type { TimeSlices } from './time-slices.js';

/** Bytes of the index read at a time. */
const READ_BYTES = 64 << 10;
/** No entry takes fewer bytes in any format, so two entries are at least this far apart. */
const LEAST_BYTES = 4;

/**
 * The needed entries of a segment, by position. The verdict is in key order, but the segment is copied in log order;
 * one bit for every few bytes of the file spares sorting.
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

  /** Whether the entry with this index in the item at this position is needed. */
  has(at: number, index: number): boolean {
    const bit = bitOf(at, index);
    return (this.bits[Math.floor(bit / 8)]! & (1 << (bit % 8))) !== 0;
  }

  private add(bit: number): void {
    this.bits[Math.floor(bit / 8)]! |= 1 << (bit % 8);
  }
}

/** Unique for each entry: an item is at least `LEAST_BYTES` long for every entry in it. */
function bitOf(at: number, index: number): number {
  return Math.floor(at / LEAST_BYTES) + index;
}

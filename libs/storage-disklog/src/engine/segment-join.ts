import { Heap, type Ranked } from './heap.js';
import type { LogFile } from './log-file.js';
import type { FileKeys, KeyPage } from './memory-keys.js';
import type { TimeSlices } from './time-slices.js';

/** Bytes read at a time from all indexes together, and at most from one of them; at least one block from each. */
const READ_BYTES = 4 << 20;
const MAX_READ_BYTES = 64 << 10;
/** Keys between two looks at the clock. */
const KEYS_PER_LOOK = 32;

/**
 * What the join found out about one segment: which of its keys are no longer needed there. One bit per key, by the
 * key's place in the segment's key order.
 */
export class SegmentVerdict {
  private readonly bits: Uint8Array;
  private outdated = 0;

  constructor(
    readonly file: LogFile,
    /** The keys that the bits refer to; a damaged index may have been replaced since. */
    readonly keys: FileKeys,
  ) {
    this.bits = new Uint8Array((keys.size + 7) >>> 3);
  }

  /** Number of entries still needed. */
  get kept(): number {
    return this.keys.size - this.outdated;
  }

  /**
   * Whether all of the segment is still needed. Entries whose key comes again in the same file are not in the index.
   */
  get isWhole(): boolean {
    return this.kept === this.file.entries;
  }

  /** Roughly how many bytes are still needed. */
  get keptBytes(): number {
    const { end, entries } = this.file;
    return entries === 0 ? 0 : (end * this.kept) / entries;
  }

  isOutdated(place: number): boolean {
    return (this.bits[place >>> 3]! & (1 << (place & 7))) !== 0;
  }

  setOutdated(place: number): void {
    this.bits[place >>> 3]! |= 1 << (place & 7);
    this.outdated++;
  }
}

/**
 * Joins the sorted keys of segments. All indexes are read once, side by side, from the lowest key to the highest; of
 * each key only the entry in the newest segment is needed. A tombstone is not needed either:
 * {@link SegmentCompaction} says why nothing older is left for it to hide.
 *
 * @param segments oldest first, the segments to decide about
 * @param newer oldest first, all closed segments after them
 */
export async function joinSegments(
  segments: readonly LogFile[],
  newer: readonly LogFile[],
  slices: TimeSlices,
): Promise<readonly SegmentVerdict[]> {
  const files = [...segments, ...newer];
  const verdicts = segments.map((file) => new SegmentVerdict(file, file.keys));
  const bytes = Math.min(MAX_READ_BYTES, READ_BYTES / files.length);
  const cursors = new Heap<Cursor>();
  for (const [age, file] of files.entries()) {
    const cursor = new Cursor(age, file.keys.pages(bytes), verdicts[age]);
    if (await cursor.load()) cursors.push(cursor);
  }
  let known: string | undefined;
  for (let keys = 0; ; keys++) {
    if (keys % KEYS_PER_LOOK === 0 && slices.isOver) await slices.pause();
    const cursor = cursors.top;
    if (cursor === undefined) return verdicts;
    // Entries of the same key come newest first.
    if (cursor.key === known || cursor.isDeleted) cursor.setOutdated();
    known = cursor.key;
    if (cursor.step() || (await cursor.load())) cursors.sink();
    else cursors.pop();
  }
}

/** Walks the keys of one segment. */
class Cursor implements Ranked<Cursor> {
  /** The current key. */
  key = '';
  private page: KeyPage | undefined;
  private index = 0;
  /** Place of the current key among all keys of the segment. */
  private place = 0;

  constructor(
    /** Higher is newer. */
    readonly age: number,
    private readonly pages: AsyncGenerator<KeyPage>,
    private readonly verdict: SegmentVerdict | undefined,
  ) {}

  /** By current key; among equal keys the newest segment comes first. */
  isBefore(other: Cursor): boolean {
    return this.key < other.key || (this.key === other.key && this.age > other.age);
  }

  get isDeleted(): boolean {
    return this.page!.isDeletedAt(this.index);
  }

  setOutdated(): void {
    this.verdict?.setOutdated(this.place);
  }

  /** Goes to the next key of the page; false at its end. */
  step(): boolean {
    this.place++;
    if (++this.index === this.page?.count) return false;
    this.key = this.page!.keyAt(this.index);
    return true;
  }

  /** Reads the next page and goes to its first key; false at the end. */
  async load(): Promise<boolean> {
    const { value } = (await this.pages.next()) as IteratorResult<KeyPage, undefined>;
    if (value === undefined || value.count === 0) return false;
    this.page = value;
    this.index = 0;
    this.key = value.keyAt(0);
    return true;
  }
}

import { Heap, type Ranked } from './heap.js';
import type { LogFile } from './log-file.js';
import type { FileKeys, KeyPage } from './memory-keys.js';
import type { TimeSlices } from './time-slices.js';

/** Read of all indexes together at a time, and of one of them at most; at least one block of each. */
const READ_BYTES = 4 << 20;
const MAX_READ_BYTES = 64 << 10;
/** Keys between two looks at the clock. */
const KEYS_PER_LOOK = 32;

/**
 * What the join found out of one segment: which of its keys nobody needs there any more. One bit a key, by the place
 * of the key among the segment's.
 */
export class SegmentVerdict {
  private readonly bits: Uint8Array;
  private outdated = 0;

  constructor(
    readonly file: LogFile,
    /** The bits are about these keys; a damaged index may have been replaced since. */
    readonly keys: FileKeys,
  ) {
    this.bits = new Uint8Array((keys.size + 7) >>> 3);
  }

  /** Entries that are still needed. */
  get kept(): number {
    return this.keys.size - this.outdated;
  }

  /** Is all of the segment still needed? An entry whose key comes again in the same file is in no index. */
  get isWhole(): boolean {
    return this.kept === this.file.entries;
  }

  /** About how many bytes are still needed. */
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
 * Joins the sorted keys of segments: all indexes are read once, side by side, from the lowest key to the highest, and
 * of each key only the entry in the newest segment is needed. If that is a tombstone it is not needed either: see
 * {@link SegmentCompaction} for why nothing older is left that it would have to hide.
 *
 * @param segments oldest first, about which something is to be found out
 * @param newer oldest first; all that was left after them
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
    // Of a key the newest entry comes first.
    if (cursor.key === known || cursor.isDeleted) cursor.setOutdated();
    known = cursor.key;
    if (cursor.step() || (await cursor.load())) cursors.sink();
    else cursors.pop();
  }
}

/** Walks the keys of one segment. */
class Cursor implements Ranked<Cursor> {
  /** The key it stands on. */
  key = '';
  private page: KeyPage | undefined;
  private index = 0;
  /** Of the key among all of the segment. */
  private place = 0;

  constructor(
    /** Higher is newer. */
    readonly age: number,
    private readonly pages: AsyncGenerator<KeyPage>,
    private readonly verdict: SegmentVerdict | undefined,
  ) {}

  /** By the keys they stand on, and among equal keys the newest segment first. */
  isBefore(other: Cursor): boolean {
    return this.key < other.key || (this.key === other.key && this.age > other.age);
  }

  get isDeleted(): boolean {
    return this.page!.isDeletedAt(this.index);
  }

  setOutdated(): void {
    this.verdict?.setOutdated(this.place);
  }

  /** Goes on to the next key of those that were read; false where there is none. */
  step(): boolean {
    this.place++;
    if (++this.index === this.page?.count) return false;
    this.key = this.page!.keyAt(this.index);
    return true;
  }

  /** Reads on, and goes to the first key of that; false at the end. */
  async load(): Promise<boolean> {
    const { value } = (await this.pages.next()) as IteratorResult<KeyPage, undefined>;
    if (value === undefined || value.count === 0) return false;
    this.page = value;
    this.index = 0;
    this.key = value.keyAt(0);
    return true;
  }
}

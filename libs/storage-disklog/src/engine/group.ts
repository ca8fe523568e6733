import type { EntryWrite, PlacedEntry } from '../format/entry.js';
import type { Trailer } from '../format/item.js';
import type { LogFormat } from '../format/log-format.js';

/** Starting size of a group's buffer; it doubles as writes gather. */
const INITIAL_BYTES = 64 * 1024;
/** Buffers up to this size are kept for the next group. */
const POOLED_BYTES = 4 * 1024 * 1024;
const POOL_SIZE = 4;

const pool: Buffer[] = [];

/** An item of a group, and its place in the group's bytes. */
interface GroupItem {
  readonly offset: number;
  readonly size: number;
}

/** Where a group stands in the log. */
export interface Place {
  /** Position in the file. */
  readonly start: number;
  readonly generation: number;
  /** Sequence of the group's first item. */
  readonly sequence: number;
  /** What is known to be on stable storage of the file. */
  readonly synced: number;
}

/**
 * Writes that wait together and go out as one. Items are encoded as they come, for the place the group is going to
 * take; only if another group failed meanwhile does the place change, and the trailers are written again.
 *
 * All writes of a group share its fate and so its promise.
 */
export class Group {
  readonly promise: Promise<void>;
  /** When its first write came. */
  private readonly opened = performance.now();
  length = 0;
  /** Entries in its items. */
  entries = 0;
  private readonly members: GroupItem[] = [];
  private resolvePromise!: () => void;
  private rejectPromise!: (error: Error) => void;
  private buffer: Buffer;

  constructor(
    private readonly format: LogFormat,
    /** Where it stands, or is planned to. */
    public place: Place,
  ) {
    this.promise = new Promise((resolve, reject) => {
      this.resolvePromise = resolve;
      this.rejectPromise = reject;
    });
    this.buffer = pool.pop() ?? Buffer.allocUnsafe(INITIAL_BYTES);
  }

  get items(): number {
    return this.members.length;
  }

  /** Encodes one item; `size` is what the format says it takes. */
  add(entries: readonly EntryWrite[], size: number, timestamp: number): void {
    if (this.length + size > this.buffer.length) this.grow(this.length + size);
    const offset = this.length;
    const { format, buffer, place } = this;
    format.writeItem(entries, timestamp, this.trailer(this.items), buffer, offset, place.start + offset);
    this.members.push({ offset, size });
    this.length += size;
    this.entries += entries.length;
  }

  /** How long its writes have taken to come so far, in ms. */
  get gatherMs(): number {
    return performance.now() - this.opened;
  }

  /** Where its entries stand in the file. Meant for the time in which the bytes are on their way to the device. */
  *placed(): IterableIterator<PlacedEntry[]> {
    for (const { offset, size } of this.members) {
      // Out of the bytes, since what the caller gave may have changed meanwhile.
      yield this.format.placedEntries(this.buffer, offset, size, this.place.start + offset)!;
    }
  }

  /** The bytes to write at this place. */
  bytesFor(place: Place): Buffer {
    const { start, generation, sequence } = this.place;
    if (place.start !== start || place.generation !== generation || place.sequence !== sequence) {
      this.place = place;
      this.reseal();
    }
    return this.buffer.subarray(0, this.length);
  }

  settle(error?: Error): void {
    if (this.buffer.length <= POOLED_BYTES && pool.length < POOL_SIZE) pool.push(this.buffer);
    this.buffer = Buffer.alloc(0);
    if (error === undefined) this.resolvePromise();
    else this.rejectPromise(error);
  }

  private reseal(): void {
    this.members.forEach(({ offset, size }, index) => {
      const position = this.place.start + offset;
      this.format.sealItem(this.trailer(index), this.buffer, offset, offset + size, position);
    });
  }

  private trailer(index: number): Trailer {
    const { generation, sequence, synced } = this.place;
    return { generation, sequence: sequence + index, synced };
  }

  private grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

import type { EntryWrite, PlacedEntry } from '../format/entry.js';
import type { Trailer } from '../format/item.js';
import type { LogFormat } from '../format/log-format.js';

/** Starting size of a group's buffer; it doubles as writes gather. */
const INITIAL_BYTES = 64 << 10;
/** Bytes of buffers that are kept for the next groups, of all logs together. */
const POOL_BYTES = 16 << 20;
const NOTHING = Buffer.alloc(0);

const pool: Buffer[] = [];
let pooledBytes = 0;

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
  /** Where its items end in the buffer. */
  private readonly ends: number[] = [];
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
    this.buffer = takeBuffer();
  }

  get items(): number {
    return this.ends.length;
  }

  /** Encodes one item; `size` is what the format says it takes. */
  add(entries: readonly EntryWrite[], size: number, timestamp: number): void {
    const start = this.length;
    const end = start + size;
    if (end > this.buffer.length) this.grow(end);
    const trailer = this.trailer(this.items);
    this.format.writeItem(entries, timestamp, trailer, this.buffer, start, this.place.start + start);
    this.ends.push(end);
    this.length = end;
    this.entries += entries.length;
  }

  /** How long its writes have taken to come so far, in ms. */
  get gatherMs(): number {
    return performance.now() - this.opened;
  }

  /** Where its entries stand in the file. Meant for the time in which the bytes are on their way to the device. */
  placed(): PlacedEntry[] {
    const all: PlacedEntry[] = [];
    let start = 0;
    for (const end of this.ends) {
      // Out of the bytes, since what the caller gave may have changed meanwhile.
      const placed = this.format.placedEntries(this.buffer, start, end - start, this.place.start + start)!;
      for (const entry of placed) all.push(entry);
      start = end;
    }
    return all;
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
    giveBack(this.buffer);
    this.buffer = NOTHING;
    if (error === undefined) this.resolvePromise();
    else this.rejectPromise(error);
  }

  private reseal(): void {
    let start = 0;
    this.ends.forEach((end, index) => {
      this.format.sealItem(this.trailer(index), this.buffer, start, end, this.place.start + start);
      start = end;
    });
  }

  private trailer(index: number): Trailer {
    const { generation, sequence, synced } = this.place;
    return { generation, sequence: sequence + index, synced };
  }

  private grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    giveBack(this.buffer);
    this.buffer = larger;
  }
}

function takeBuffer(): Buffer {
  const buffer = pool.pop();
  if (buffer === undefined) return Buffer.allocUnsafe(INITIAL_BYTES);
  pooledBytes -= buffer.length;
  return buffer;
}

function giveBack(buffer: Buffer): void {
  if (pooledBytes + buffer.length > POOL_BYTES) return;
  pooledBytes += buffer.length;
  pool.push(buffer);
}

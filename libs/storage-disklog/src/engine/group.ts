import type { EntryWrite } from '../format/entry.js';
import type { Trailer, ValueApart } from '../format/item.js';
import type { LogFormat } from '../format/log-format.js';
import { PlacedKeys } from './placed-keys.js';

/** Starting size of a group's buffer; it doubles as writes gather. */
const INITIAL_BYTES = 64 << 10;
/** Bytes of buffers that are kept for the next groups, of all logs together. */
const POOL_BYTES = 16 << 20;
const NOTHING = Buffer.alloc(0);
/** A lent value from this size on is written from where it is; smaller ones are soon copied. */
const APART_FROM = 256 << 10;

/** A value that is not in the group's buffer. */
interface LentValue extends ValueApart {
  /** Which of the group's items it belongs to. */
  readonly item: number;
  readonly key: string;
}

const pool: Buffer[] = [];
let pooledBytes = 0;

/** What is true of the slot of an entry that is alone in its item and has a value. */
const ALONE = { index: 0, deleted: false, inner: 0, innerLength: 0, crc: 0 };

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
 * take; only if another group failed meanwhile, or a task ran, does the place change, and the trailers are written again.
 *
 * All writes of a group share its fate and so its promise.
 */
export class Group {
  readonly promise: Promise<void>;
  /** When its first write came. */
  private readonly opened = performance.now();
  /** Bytes of its items. */
  length = 0;
  /** Entries in its items. */
  entries = 0;
  /** Where its items end in the buffer. */
  private readonly ends: number[] = [];
  /** What belongs between the bytes of the buffer, in order. */
  private lent: LentValue[] = [];
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
    const start = this.used;
    const position = this.place.start + this.length;
    const trailer = this.trailer(this.items);
    const apart = this.apartOf(entries);
    const end = start + size - (apart?.value.length ?? 0);
    if (end > this.buffer.length) this.grow(end);
    if (apart === undefined) {
      this.format.writeItem(entries, timestamp, trailer, this.buffer, start, position);
    } else {
      const { key, value } = apart;
      const { buffer, items: item } = this;
      const place = this.format.writeItemAround!(key, value, timestamp, trailer, buffer, start, position);
      this.lent.push({ ...place, item, key: key.toString('latin1') });
    }
    this.ends.push(end);
    this.length += size;
    this.entries += entries.length;
  }

  /** How long its writes have taken to come so far, in ms. */
  get gatherMs(): number {
    return performance.now() - this.opened;
  }

  /** Where its entries stand in the file. Meant for the time in which the bytes are on their way to the device. */
  placed(): PlacedKeys {
    const placed = PlacedKeys.take();
    this.eachItem((start, end, at, lent) => {
      const length = end - start;
      if (lent !== undefined) {
        placed.add(lent.key, { at, length: length + lent.bytes.length, ...ALONE });
        return;
      }
      // Out of the bytes, since what the caller gave may have changed meanwhile.
      this.format.placeEntries(this.buffer, start, length, at, placed.add);
    });
    return placed;
  }

  /** The bytes to write at this place, in pieces. */
  bytesFor(place: Place): readonly Buffer[] {
    const { start, generation, sequence, synced } = this.place;
    const isMoved = place.start !== start || place.generation !== generation || place.sequence !== sequence;
    // An item that says too much is on stable storage makes a torn write before it look like rot; too little does not.
    if (isMoved || place.synced < synced) {
      this.place = place;
      this.reseal();
    }
    const pieces: Buffer[] = [];
    let from = 0;
    for (const { at, bytes } of this.lent) {
      pieces.push(this.buffer.subarray(from, at), bytes);
      from = at;
    }
    pieces.push(this.buffer.subarray(from, this.used));
    return pieces;
  }

  settle(error?: Error): void {
    giveBack(this.buffer);
    this.buffer = NOTHING;
    this.lent = [];
    if (error === undefined) this.resolvePromise();
    else this.rejectPromise(error);
  }

  /** Bytes of the buffer that are written. */
  private get used(): number {
    return this.ends.at(-1) ?? 0;
  }

  /** The entry whose value is not copied, of an item that has one. */
  private apartOf(entries: readonly EntryWrite[]): { key: Buffer; value: Buffer } | undefined {
    const [only] = entries;
    if (only?.lent !== true || entries.length > 1 || this.format.writeItemAround === undefined)
      return undefined;
    const { key, value } = only;
    return value !== undefined && value.length >= APART_FROM ? { key, value } : undefined;
  }

  private reseal(): void {
    let index = 0;
    this.eachItem((start, end, at, lent) => {
      this.format.sealItem(this.trailer(index++), this.buffer, start, end, at, lent);
    });
  }

  /** @param visit takes where an item is in the buffer, where it stands in the file, and the value that is not there */
  private eachItem(visit: (start: number, end: number, at: number, lent?: LentValue) => void): void {
    let start = 0;
    let at = this.place.start;
    let next = 0;
    for (let item = 0; item < this.ends.length; item++) {
      const end = this.ends[item]!;
      const lent = this.lent[next]?.item === item ? this.lent[next++] : undefined;
      visit(start, end, at, lent);
      at += end - start + (lent?.bytes.length ?? 0);
      start = end;
    }
  }

  private trailer(index: number): Trailer {
    const { generation, sequence, synced } = this.place;
    return { generation, sequence: sequence + index, synced };
  }

  private grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.used);
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

import type { EntryWrite } from '../format/entry.js';
import type { Trailer, ValueApart } from '../format/item.js';
import type { LogFormat } from '../format/log-format.js';
import { PlacedKeys } from './placed-keys.js';

/** Initial size of a group's buffer; it doubles as writes gather. */
const INITIAL_BYTES = 64 << 10;
/** Bytes of buffers kept for later groups, across all logs. */
const POOL_BYTES = 16 << 20;
const NOTHING = Buffer.alloc(0);
/** A lent value of at least this size is written from its own buffer; copying a smaller one is cheap. */
const APART_FROM = 256 << 10;

/** A value that is not in the group's buffer. */
interface LentValue extends ValueApart {
  /** Index of the group's item it belongs to. */
  readonly item: number;
  readonly key: string;
}

const pool: Buffer[] = [];
let pooledBytes = 0;

/** Slot fields shared by all entries that have a value and are alone in their item. */
const ALONE = { index: 0, deleted: false, inner: 0, innerLength: 0, crc: 0 };

/** Where a group stands in the log. */
export interface Place {
  /** Position in the file. */
  readonly start: number;
  readonly generation: number;
  /** Sequence of the group's first item. */
  readonly sequence: number;
  /** How much of the file is known to be on stable storage. */
  readonly synced: number;
}

/**
 * Writes that go out as one. Items are encoded on arrival, for the position the group is planned to take. The
 * position changes only if another group fails or a task runs first; then the trailers are written again.
 *
 * All writes of a group share its fate, and so its promise.
 */
export class Group {
  readonly promise: Promise<void>;
  /** When its first write arrived. */
  private readonly opened = performance.now();
  /** Bytes of its items. */
  length = 0;
  /** Entries in its items. */
  entries = 0;
  /** Where each item ends in the buffer. */
  private readonly ends: number[] = [];
  /** Values that belong between the bytes of the buffer, in order. */
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

  /** Encodes one item; `size` is its length according to the format. */
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

  /** How long its writes have been arriving, in ms. */
  get gatherMs(): number {
    return performance.now() - this.opened;
  }

  /** Where its entries stand in the file. Meant to be called while the bytes are on their way to the device. */
  placed(): PlacedKeys {
    const placed = PlacedKeys.take();
    this.eachItem((start, end, at, lent) => {
      const length = end - start;
      if (lent !== undefined) {
        placed.add(lent.key, { at, length: length + lent.bytes.length, ...ALONE });
        return;
      }
      // Read from the encoded bytes: the caller may have changed its own buffers meanwhile.
      this.format.placeEntries(this.buffer, start, length, at, placed.add);
    });
    return placed;
  }

  /** The bytes to write at this place, in pieces. */
  bytesFor(place: Place): readonly Buffer[] {
    const { start, generation, sequence, synced } = this.place;
    const isMoved = place.start !== start || place.generation !== generation || place.sequence !== sequence;
    // An overstated `synced` makes a torn write before the item look like rot; an understated one does not.
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

  /** Bytes of the buffer in use. */
  private get used(): number {
    return this.ends.at(-1) ?? 0;
  }

  /** The entry whose value is not copied, if the item has one. */
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

  /**
   * @param visit takes an item's start and end in the buffer, its position in the file, and its value if that is not
   * in the buffer
   */
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

import type { EntryWrite } from './entry.js';
import type { Layout, OnPlaced, Writable } from './entry-layout.js';
import type { FileStatus } from './headers.js';
import type { BadItem, Frame, Item, Trailer, ValueApart } from './item.js';
import type { PlainItem } from './plain-item.js';

/** How the items of a log are laid out in its files. */
export interface LogFormat {
  readonly name: 'internal' | 'external';
  /** Bytes of a file before its first item. */
  readonly headBytes: number;
  /** Whether zeros ahead of the end do not disturb others that read the file while it is written. */
  readonly zerosAhead: boolean;

  /** The bytes a file begins with. */
  fileHead(status: 'opened' | 'closed'): Buffer;
  /** The status that a file's first bytes tell: `unknown` if they do not say, undefined if they are not a head. */
  readStatus(head: Buffer): FileStatus | undefined;

  /** Size in bytes of the item that {@link writeItem} writes. */
  itemSize(entries: readonly EntryWrite[]): number;
  /** Writes a whole item that will stand at `position` of its file; returns where it ends in the buffer. */
  writeItem(
    entries: readonly EntryWrite[],
    timestamp: number,
    trailer: Trailer,
    target: Buffer,
    start: number,
    position: number,
  ): number;
  /**
   * Writes an item of one entry without its value's bytes, which are written to the file from their own buffer;
   * returns where they belong. Undefined if the format stores values in another form.
   */
  readonly writeItemAround?: (
    key: Buffer,
    value: Buffer,
    timestamp: number,
    trailer: Trailer,
    target: Buffer,
    start: number,
    position: number,
  ) => ValueApart;
  /**
   * Writes the trailer of an item that is otherwise complete.
   * @param apart what {@link writeItemAround} returned
   */
  sealItem(
    trailer: Trailer,
    target: Buffer,
    start: number,
    end: number,
    position: number,
    apart?: ValueApart,
  ): void;
  /**
   * Calls `onPlaced` with the entries of an item of ours that passed its checks, and where they stand, so that an
   * entry of a batch can be read alone. Returns false if the item has another layout; some entries may have been
   * visited by then.
   * @param start of the item in the buffer
   * @param at where it stands in its file
   */
  placeEntries(buffer: Buffer, start: number, length: number, at: number, onPlaced: OnPlaced): boolean;
  /** Reads an entry of a batch from its own bytes; undefined if they are not what was written. */
  readPlacedEntry(bytes: Buffer, crc: number): { key: Buffer; value: Buffer } | undefined;
  /** Finds its key and value there without creating objects; undefined if the format cannot. */
  readonly readPlacedLayout?: (bytes: Buffer, crc: number, into: Writable<Layout>) => boolean;
  /** Reads and checks the one item that these bytes are; it stands at `position` of its file. */
  readItem(bytes: Buffer, position: number): Item | BadItem;

  /** The item at a file position. After damage it must fit the items before it (`preceding`). */
  itemAt(window: ByteWindow, at: number, preceding?: Preceding): Found | Promise<Found>;
  /** Reads a plain item, as most are, from a buffer; undefined if the format has none. */
  readonly readPlainItem?: (buffer: Buffer, start: number, position: number, into: PlainItem) => boolean;
  /** The next position, from `from` on, where an item might start. */
  nextStart(window: ByteWindow, from: number): Promise<number | undefined>;
}

/** An item, its frame in file positions and its bytes; or why there is none. */
export type Found = { readonly item: Item; readonly frame: Frame; readonly bytes: Buffer } | NoItem;

export interface NoItem extends BadItem {
  /** The window ends before the lines of the item do. */
  readonly isCut?: true;
}

/** A moving view of a file. */
export interface ByteWindow {
  readonly size: number;
  /** Up to `length` bytes from a position, fewer only at the end of the file. */
  view(at: number, length: number): Promise<Buffer>;
  /** Like {@link view}, for a few bytes somewhere ahead: the window does not move. */
  peek(at: number, length: number): Promise<Buffer>;
  /** These bytes, if all of them have been read already. */
  held(at: number, length: number): Buffer | undefined;
  /** All bytes from a position on that have been read already. */
  heldFrom(at: number): Buffer;
}

/** What the items of a file met so far say of those that may follow. */
export interface Preceding {
  /** Whether an item with this trailer (undefined: without one) could come next, at this position. */
  allows(trailer: Trailer | undefined, at: number): boolean;
  /** Whether this many more bytes may be read to find out whether they are an item. */
  mayTry(bytes: number): boolean;
}

export const MISFIT = 'the item does not belong here';
/** Up to this size, whatever looks like an item is read. */
export const SMALL_BYTES = 4 << 10;
export const TOO_MANY = 'too many bytes here look like items but are not';

import type { Frame, Item, Trailer } from '../format/item.js';
import { emptyPlainItem, type PlainItem } from '../format/plain-item.js';
import { type ItemLine, type LogFormat, SMALL_BYTES } from '../format/log-format.js';
import type { FileHandle } from '../io/file-system.js';
import { ForwardWindow } from './forward-window.js';

/** Bytes read at a time. */
const CHUNK = 1 << 20;
/**
 * After damage, everything that looks like an item is read whole to see whether it is one. A value may be made of
 * nothing but such places, each of which ends at the end of the value, so what is read for nothing is bounded, and the
 * work stays in proportion to the file. Beyond that, what looks like a large item counts as damaged.
 */
const CREDIT_PER_BYTE = 4;

/** A stretch of a file that is no item. */
export interface Gap {
  readonly start: number;
  readonly end: number;
  readonly reason: string;
  /** Sequence numbers of the items on both sides, where there are any that carry one. */
  readonly sequenceBefore: number | undefined;
  readonly sequenceAfter: number | undefined;
  /** What the item after the gap says was on stable storage when it was written. */
  readonly syncedAfter: number | undefined;
}

export interface ScanResult {
  /** Where the last whole item ends; the file's head where there is none. */
  readonly end: number;
  /** Bytes after the last whole item that are not all zero. */
  readonly badTail: number;
  readonly tailReason: string;
  /** Stretches that are no items, with whole items after them. */
  readonly gaps: readonly Gap[];
  readonly items: number;
  /** The highest position that an item says was on stable storage when it was written; 0 where none says so. */
  readonly synced: number;
  /** An item without a trailer was taken after damage, and later ones have trailers: it may be no item at all. */
  readonly isMixed: boolean;
}

/** Called for every whole item in file order. The item's buffers are views that the next call invalidates. */
export type OnItem = (item: Item, frame: Frame, bytes: Buffer) => void;
/** Called instead for a plain item, which is not made an object of; `bytes` begin at position `from` of the file. */
export type OnPlainItem = (item: PlainItem, at: number, bytes: Buffer, from: number) => void;

/**
 * Reads a log file from one end to the other in bounded memory, and finds the items on both sides of any damage.
 */
export async function scanFile(
  file: Pick<FileHandle, 'read'>,
  size: number,
  format: LogFormat,
  onItem: OnItem,
  knownOurs = false,
  onPlainItem?: OnPlainItem,
): Promise<ScanResult> {
  const window = new ForwardWindow(file, size, CHUNK);
  try {
    return await scan(window, format, onItem, knownOurs, onPlainItem);
  } finally {
    await window.settled();
  }
}

async function scan(
  window: ForwardWindow,
  format: LogFormat,
  onItem: OnItem,
  knownOurs: boolean,
  onPlainItem: OnPlainItem | undefined,
): Promise<ScanResult> {
  const { size } = window;
  const gaps: Gap[] = [];
  let items = 0;
  let at = format.headBytes;
  let end = at;
  let bad: { start: number; reason: string } | undefined;
  const line = new Line(size, knownOurs);
  const plain = emptyPlainItem();
  const readPlain = onPlainItem && format.readPlainItem;
  while (at < size) {
    if (bad === undefined && readPlain !== undefined) {
      const from = at;
      const bytes = window.heldFrom(from);
      for (; readPlain(bytes, at - from, at, plain); at = end = from + plain.end) {
        onPlainItem!(plain, at, bytes, from);
        line.add(plain);
        items++;
      }
      if (at >= size) break;
    }
    const looked = format.itemAt(window, at, bad === undefined ? undefined : line);
    const found = looked instanceof Promise ? await looked : looked;
    if ('reason' in found) {
      bad ??= { start: at, reason: found.reason };
      const next = await format.nextStart(window, at + 1);
      if (next === undefined) break;
      at = next;
      continue;
    }
    const { item, frame, bytes } = found;
    const tried = bad === undefined ? 0 : bytes.length;
    if (bad !== undefined) {
      gaps.push({
        ...bad,
        end: at,
        sequenceBefore: line.sequence,
        sequenceAfter: item.trailer?.sequence,
        syncedAfter: item.trailer?.synced,
      });
      bad = undefined;
    }
    onItem(item, frame, bytes);
    line.add(item.trailer, tried);
    items++;
    at = end = frame.end;
  }
  const badTail = bad === undefined ? 0 : await lastNonZero(window, bad.start);
  return {
    end,
    badTail,
    tailReason: bad?.reason ?? '',
    gaps,
    items,
    synced: line.synced,
    isMixed: line.isMixed,
  };
}

/**
 * What the items of a file met so far say, so that after damage nothing passes for an item of this file that is
 * none: a value may hold bytes that look like one, and whoever sends values may know the format.
 */
export class Line implements ItemLine {
  sequence: number | undefined;
  synced = 0;
  private generation: number | undefined;
  private bareLast = false;
  /** Bytes that may still be read after damage for what may turn out to be no item. */
  private credit: number;
  private guessed = false;

  /**
   * @param size of the file
   * @param knownOurs the file's items have trailers, although none was met yet
   */
  constructor(
    size: number,
    private readonly knownOurs = false,
  ) {
    this.credit = CREDIT_PER_BYTE * size;
  }

  get isMixed(): boolean {
    return this.guessed && this.generation !== undefined;
  }

  /** @param tried bytes of an item after damage: they were not read for nothing */
  add(trailer: Trailer | undefined, tried = 0): void {
    this.credit += tried;
    this.bareLast = trailer === undefined;
    if (trailer === undefined) return;
    this.generation = trailer.generation;
    this.sequence = trailer.sequence;
    this.synced = Math.max(this.synced, trailer.synced);
  }

  mayTry(bytes: number): boolean {
    if (bytes <= SMALL_BYTES) return true;
    if (bytes > this.credit) return false;
    this.credit -= bytes;
    return true;
  }

  /** Could an item with this trailer (undefined: Erlang's, which has none) come next, at this position? */
  allows(trailer: Trailer | undefined, at: number): boolean {
    if (trailer === undefined) {
      if (this.bareLast) return true;
      if (this.knownOurs || this.generation !== undefined) return false;
      return (this.guessed = true);
    }
    if (trailer.synced > at) return false;
    if (this.generation !== undefined && trailer.generation !== this.generation) return false;
    return this.sequence === undefined || trailer.sequence > this.sequence;
  }
}

/** How many bytes from `start` to the last one that is not zero. */
async function lastNonZero(window: ForwardWindow, start: number): Promise<number> {
  let last = start;
  for (let at = start; at < window.size;) {
    const bytes = await window.view(at, CHUNK);
    if (bytes.length === 0) break;
    for (let i = bytes.length - 1; i >= 0; i--) {
      if (bytes[i] !== 0) {
        last = at + i + 1;
        break;
      }
    }
    at += bytes.length;
  }
  return last - start;
}

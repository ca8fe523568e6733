import type { Frame, Item } from '../format/item.js';
import { emptyPlainItem, type PlainItem } from '../format/plain-item.js';
import type { LogFormat } from '../format/log-format.js';
import type { FileHandle } from '../io/file-system.js';
import { ForwardWindow } from './forward-window.js';
import { PrecedingItems } from './preceding-items.js';

/** Bytes read at a time. */
const CHUNK = 1 << 20;

/** A stretch of a file that is not an item. */
export interface Gap {
  readonly start: number;
  readonly end: number;
  readonly reason: string;
  /** Sequence numbers of the items on both sides, if they carry any. */
  readonly sequenceBefore: number | undefined;
  readonly sequenceAfter: number | undefined;
  /** How much was on stable storage when the item after the gap was written, according to that item. */
  readonly syncedAfter: number | undefined;
}

export interface ScanResult {
  /** Where the last whole item ends; the end of the head if there are none. */
  readonly end: number;
  /** Bytes after the last whole item, up to the last one that is not zero. */
  readonly badTail: number;
  readonly tailReason: string;
  /** Stretches that are not items, with whole items after them. */
  readonly gaps: readonly Gap[];
  readonly items: number;
  /** The highest position that an item says was on stable storage when it was written; 0 if none does. */
  readonly synced: number;
  /**
   * An item without a trailer was accepted after damage, but later ones have trailers: it may not be an item at all.
   */
  readonly isMixed: boolean;
}

/** Called for every whole item in file order. The item's buffers are views of the bytes that were read. */
export type OnItem = (item: Item, frame: Frame, bytes: Buffer) => void;
/**
 * Called instead for a plain item, which spares making objects; the next call reuses `item`. `bytes` begin at
 * position `from` of the file.
 */
export type OnPlainItem = (item: PlainItem, at: number, bytes: Buffer, from: number) => void;

/** Reads a log file from start to end in bounded memory, and finds the items on both sides of any damage. */
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
    return await new Scan(window, format, onItem, new PrecedingItems(size, knownOurs), onPlainItem).run();
  } finally {
    await window.settled();
  }
}

/** One walk through a file. */
class Scan {
  private readonly gaps: Gap[] = [];
  private readonly plain = emptyPlainItem();
  private items = 0;
  private at: number;
  /** Where the last whole item ends. */
  private end: number;
  /** Where the stretch being skipped begins, which is not an item. */
  private bad: { start: number; reason: string } | undefined;

  constructor(
    private readonly window: ForwardWindow,
    private readonly format: LogFormat,
    private readonly onItem: OnItem,
    private readonly preceding: PrecedingItems,
    private readonly onPlainItem: OnPlainItem | undefined,
  ) {
    this.at = this.end = format.headBytes;
  }

  async run(): Promise<ScanResult> {
    const { window, format, preceding } = this;
    const { size } = window;
    while (this.at < size) {
      this.takePlain();
      if (this.at >= size) break;
      const looked = format.itemAt(window, this.at, this.bad === undefined ? undefined : preceding);
      const found = looked instanceof Promise ? await looked : looked;
      if ('item' in found) {
        this.take(found.item, found.frame, found.bytes);
        continue;
      }
      this.bad ??= { start: this.at, reason: found.reason };
      const next = await format.nextStart(window, this.at + 1);
      if (next === undefined) break;
      this.at = next;
    }
    const { end, gaps, items, bad } = this;
    const badTail = bad === undefined ? 0 : await lastNonZero(window, bad.start);
    const tailReason = bad?.reason ?? '';
    return { end, badTail, tailReason, gaps, items, synced: preceding.synced, isMixed: preceding.isMixed };
  }

  /** Takes plain items as long as one follows another in the bytes read; in most files that is nearly all. */
  private takePlain(): void {
    const { format, onPlainItem, plain, preceding, at: from } = this;
    const { readPlainItem: readPlain } = format;
    if (this.bad !== undefined || onPlainItem === undefined || readPlain === undefined) return;
    const bytes = this.window.heldFrom(from);
    let at = from;
    for (; readPlain(bytes, at - from, at, plain); at = from + plain.end) {
      onPlainItem(plain, at, bytes, from);
      preceding.add(plain);
      this.items++;
    }
    this.at = this.end = at;
  }

  private take(item: Item, frame: Frame, bytes: Buffer): void {
    const { bad, preceding } = this;
    if (bad !== undefined) {
      const { sequence, synced } = item.trailer ?? {};
      const around = { sequenceBefore: preceding.sequence, sequenceAfter: sequence, syncedAfter: synced };
      this.gaps.push({ ...bad, end: this.at, ...around });
    }
    this.bad = undefined;
    this.onItem(item, frame, bytes);
    preceding.add(item.trailer, bad === undefined ? 0 : bytes.length);
    this.items++;
    this.at = this.end = frame.end;
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

import { type Frame, type Item, MAX_FRAME_HEAD, readFrame, readItem } from '../format/item.js';
import { FILE_HEAD } from '../format/headers.js';
import type { FileHandle } from '../io/file-system.js';

/** Bytes read at a time; an item that is larger is read whole. */
const CHUNK = 1 << 20;
const MAGIC = Buffer.from('bWLA', 'latin1');

/** A stretch of a file that is no item. */
export interface Gap {
  readonly start: number;
  readonly end: number;
  readonly reason: string;
  /** Sequence numbers of the items on both sides, where there are any that carry one. */
  readonly sequenceBefore: number | undefined;
  readonly sequenceAfter: number | undefined;
  /** What the item behind the gap says was on stable storage when it was written. */
  readonly syncedAfter: number | undefined;
}

export interface ScanResult {
  /** Where the last whole item ends; the file's head where there is none. */
  readonly end: number;
  /** Bytes behind the last whole item that are not all zero. */
  readonly badTail: number;
  readonly tailReason: string;
  /** Stretches that are no items, with whole items behind them. */
  readonly gaps: readonly Gap[];
  readonly items: number;
}

/** Called for every whole item in file order. The item's buffers are views that the next call invalidates. */
export type OnItem = (item: Item, frame: Frame) => void;

/**
 * Reads a log file from one end to the other in bounded memory, and finds the items on both sides of any damage.
 */
export async function scanFile(
  file: Pick<FileHandle, 'read'>,
  size: number,
  onItem: OnItem,
  from = FILE_HEAD,
): Promise<ScanResult> {
  const window = new Window(file, size);
  const gaps: Gap[] = [];
  let items = 0;
  let at = from;
  let end = from;
  let sequence: number | undefined;
  let bad: { start: number; reason: string } | undefined;
  while (at < size) {
    const found = await itemAt(window, at);
    if ('reason' in found) {
      bad ??= { start: at, reason: found.reason };
      const next = await findMagic(window, at + 1);
      if (next === undefined) break;
      at = next;
      continue;
    }
    const { item, frame } = found;
    if (bad !== undefined) {
      gaps.push({
        ...bad,
        end: at,
        sequenceBefore: sequence,
        sequenceAfter: item.trailer?.sequence,
        syncedAfter: item.trailer?.synced,
      });
      bad = undefined;
    }
    onItem(item, frame);
    sequence = item.trailer?.sequence ?? sequence;
    items++;
    at = end = frame.end;
  }
  const badTail = bad === undefined ? 0 : await lastNonZero(window, bad.start);
  return { end, badTail, tailReason: bad?.reason ?? '', gaps, items };
}

/** The item at a file position, its frame in file positions. */
export async function itemAt(
  window: Window,
  at: number,
): Promise<{ item: Item; frame: Frame } | { reason: string }> {
  const head = await window.view(at, MAX_FRAME_HEAD);
  const frame = readFrame(head, 0, head.length);
  if (frame === undefined) return { reason: isZero(head) ? 'zeros' : 'no item starts here' };
  if (at + frame.end > window.size) return { reason: 'the item is cut short' };
  const bytes = await window.view(at, frame.end);
  const item = readItem(bytes, frame, at);
  if ('reason' in item) return item;
  return { item, frame: { ...frame, start: at, termStart: at + frame.termStart, end: at + frame.end } };
}

/** The next position where an item might start: four bytes before its magic. */
export async function findMagic(window: Window, from: number): Promise<number | undefined> {
  for (let at = from; at + 8 <= window.size;) {
    const bytes = await window.view(at, CHUNK);
    const found = bytes.indexOf(MAGIC, 4);
    if (found >= 0) return at + found - 4;
    if (bytes.length < 8) return undefined;
    // The magic may lie across two chunks.
    at += bytes.length - 7;
  }
  return undefined;
}

/** How many bytes from `start` to the last one that is not zero. */
async function lastNonZero(window: Window, start: number): Promise<number> {
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

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** A moving view of a file. */
export class Window {
  private buffer: Buffer = Buffer.alloc(0);
  private start = 0;

  constructor(
    private readonly file: Pick<FileHandle, 'read'>,
    readonly size: number,
    private readonly chunk = CHUNK,
  ) {}

  /** Up to `length` bytes from a position, fewer only at the end of the file. */
  async view(at: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.size - at);
    const offset = at - this.start;
    if (offset >= 0 && offset + wanted <= this.buffer.length)
      return this.buffer.subarray(offset, offset + wanted);
    const target = Buffer.allocUnsafe(Math.min(Math.max(wanted, this.chunk), this.size - at));
    let filled = 0;
    while (filled < target.length) {
      const count = await this.file.read(target, filled, target.length - filled, at + filled);
      if (count === 0) break;
      filled += count;
    }
    this.buffer = target.subarray(0, filled);
    this.start = at;
    return this.buffer.subarray(0, wanted);
  }
}

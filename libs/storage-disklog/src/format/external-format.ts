import { crc32 } from 'node:zlib';
import type { EntryWrite } from './entry.js';
import type { BadItem, Frame, Item, Trailer } from './item.js';
import {
  type BatchPart,
  type Line,
  lineHead,
  lineSize,
  placeInLine,
  readLine,
  readPlaced,
  sealLine,
  writeLine,
} from './line.js';
import {
  type ByteWindow,
  type Found,
  type LogFormat,
  MISFIT,
  type NoItem,
  type Preceding,
  SMALL_BYTES,
  TOO_MANY,
} from './log-format.js';

const NEWLINE = 10;
/**
 * Inside a JSON string a quote is preceded by a backslash, so this starts a line, even if the newline before it is
 * damaged.
 */
const LINE_START = Buffer.from('{"key');
const CHUNK = 1 << 20;
/** Longer than the line of the largest value with the longest key. */
const MAX_LINE = 192 << 20;

/**
 * JSON lines, with nothing but items in a file, as in `disk_log`'s external format: one JSON object per line
 * ({@link Line}). A single write is one line. A batch is one item of several numbered lines; it counts only if all of
 * them are present.
 */
export const externalFormat: LogFormat = {
  name: 'external',
  headBytes: 0,
  zerosAhead: false,
  fileHead: () => Buffer.alloc(0),
  // There is no head; `log.end` says whether the log was closed.
  readStatus: () => 'unknown',
  itemSize(entries) {
    let size = 0;
    headsOf(entries).forEach((head, index) => (size += lineSize(head, partOf(entries, index))));
    return size;
  },
  writeItem(entries, timestamp, trailer, target, start, position) {
    let end = start;
    headsOf(entries).forEach((head, index) => {
      const lineStart = end;
      end = writeLine(head, timestamp, partOf(entries, index), target, lineStart);
      sealLine(trailer, target, lineStart, end, position + lineStart - start);
    });
    return end;
  },
  sealItem,
  placeEntries(buffer, start, length, at, onPlaced) {
    let index = 0;
    let inner = 0;
    for (const line of linesOf(buffer.subarray(start, start + length))) {
      const read = readLine(line, at + inner);
      if ('reason' in read) return false;
      const key = read.entry.key.toString('latin1');
      const entry = { at, length, index, deleted: read.entry.value === undefined, ...WHOLE };
      if (read.batch === undefined) {
        onPlaced(key, entry);
        return true;
      }
      const place = placeInLine(line, read.batch);
      entry.inner = inner + place.start;
      entry.innerLength = place.end - place.start;
      entry.crc = crc32(line.subarray(place.start, place.end));
      onPlaced(key, entry);
      index++;
      inner += line.length;
    }
    return true;
  },
  readPlacedEntry(bytes, crc) {
    const entry = crc32(bytes) === crc ? readPlaced(bytes) : undefined;
    return entry?.value === undefined ? undefined : { key: entry.key, value: entry.value };
  },
  readItem(bytes, position) {
    const reader = new ItemReader(position);
    let end = 0;
    for (const line of linesOf(bytes)) {
      if (end > 0 && reader.item !== undefined) return { reason: 'extra bytes after the item' };
      const problem = reader.add(line);
      if (problem !== undefined) return problem;
      end += line.length;
    }
    return reader.item ?? { reason: 'the item is cut short' };
  },
  itemAt(window, at, preceding) {
    const held = window.heldFrom(at);
    let newline = held.subarray(0, SMALL_BYTES).indexOf(NEWLINE);
    if (newline < 0 && preceding?.mayTry(held.length) === false) return { reason: TOO_MANY };
    if (newline < 0) newline = held.indexOf(NEWLINE, SMALL_BYTES);
    const reader = new ItemReader(at);
    if (newline < 0) return readItemAt(window, at, preceding);
    const bytes = held.subarray(0, newline + 1);
    const problem = reader.add(bytes);
    if (problem !== undefined) return problem;
    return reader.item === undefined
      ? readItemAt(window, at, preceding)
      : found(reader.item, at, bytes, preceding);
  },
  nextStart,
};

/** An entry that is read with its item. */
const WHOLE = { inner: 0, innerLength: 0, crc: 0 };

/** Caches the last entries sized, since they are the next to be written. */
let sized: { entries: readonly EntryWrite[]; heads: readonly Buffer[] } | undefined;

function headsOf(entries: readonly EntryWrite[]): readonly Buffer[] {
  if (sized?.entries === entries) {
    const { heads } = sized;
    sized = undefined;
    return heads;
  }
  const heads = entries.map(lineHead);
  sized = { entries, heads };
  return heads;
}

function partOf(entries: readonly EntryWrite[], index: number): BatchPart | undefined {
  return entries.length === 1 ? undefined : { part: index + 1, of: entries.length };
}

function sealItem(trailer: Trailer, target: Buffer, start: number, end: number, position: number): void {
  for (let at = start; at < end;) {
    const next = target.indexOf(NEWLINE, at) + 1;
    sealLine(trailer, target, at, next, position + at - start);
    at = next;
  }
}

function* linesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Assembles an item from its lines: one, or those of a batch. */
class ItemReader {
  item: Item | undefined;
  private readonly lines: Line[] = [];

  constructor(private position: number) {}

  /** Adds a line. Returns why it does not continue the item, or undefined if it does. */
  add(bytes: Buffer): BadItem | undefined {
    const line = readLine(bytes, this.position);
    if ('reason' in line) return line;
    const { lines } = this;
    const { batch, trailer } = line;
    const [first] = lines;
    const fits = first === undefined ? (batch?.part ?? 1) === 1 : this.goesOn(first, line);
    if (!fits || (batch !== undefined && batch.part > batch.of))
      return { reason: first === undefined ? 'lines of a batch are missing' : 'the batch is cut short' };
    this.position += bytes.length;
    lines.push(line);
    if (lines.length === (batch?.of ?? 1)) {
      const entries = lines.map(({ entry }) => entry);
      this.item = { entries, end: 0, trailer: first?.trailer ?? trailer };
    }
    return undefined;
  }

  private goesOn(first: Line, { batch, trailer }: Line): boolean {
    const { generation, sequence } = first.trailer!;
    const same = trailer?.generation === generation && trailer.sequence === sequence;
    return same && batch?.of === first.batch!.of && batch.part === this.lines.length + 1;
  }
}

async function readItemAt(window: ByteWindow, at: number, preceding: Preceding | undefined): Promise<Found> {
  const reader = new ItemReader(at);
  for (let end = 0; ;) {
    const next = await lineEnd(window, at, end, preceding);
    if (typeof next !== 'number') return next;
    const problem = reader.add((await window.view(at, next)).subarray(end));
    if (problem !== undefined) return problem;
    end = next;
    if (reader.item !== undefined) return found(reader.item, at, await window.view(at, end), preceding);
  }
}

/** Where the line that starts `from` bytes after a position ends, counted from that position. */
async function lineEnd(
  window: ByteWindow,
  at: number,
  from: number,
  preceding: Preceding | undefined,
): Promise<number | NoItem> {
  const most = Math.min(window.size - at, from + MAX_LINE);
  for (let wanted = from + (64 << 10), searched = from; ; wanted = from + (wanted - from) * 4) {
    if (preceding?.mayTry(Math.min(wanted, most) - searched) === false) return { reason: TOO_MANY };
    const bytes = await window.view(at, Math.min(wanted, most));
    const newline = bytes.indexOf(NEWLINE, searched);
    if (newline >= 0) return newline + 1;
    if (wanted >= most) break;
    searched = bytes.length;
  }
  if (most === from) return { reason: 'the batch is cut short', isCut: true };
  return at + most < window.size
    ? { reason: 'the line is too long' }
    : { reason: 'the line has no end', isCut: true };
}

/** The position after the next newline, or of a line of ours whose preceding newline is damaged. */
async function nextStart(window: ByteWindow, from: number): Promise<number | undefined> {
  // If a newline precedes `from`, `from` itself is a start.
  for (let at = Math.max(0, from - 1); at < window.size;) {
    const held = window.heldFrom(at);
    const bytes = held.length <= LINE_START.length ? await window.view(at, CHUNK) : held;
    const next = at + firstStart(bytes);
    if (next < window.size) return next;
    if (next === window.size || bytes.length <= LINE_START.length) return undefined;
    // The start of a line may span two chunks.
    at += bytes.length - LINE_START.length;
  }
  return undefined;
}

/** Searches block by block, so that finding one kind of start early does not cost a full search for the other. */
function firstStart(bytes: Buffer): number {
  for (let from = 0; from < bytes.length; from += SMALL_BYTES) {
    const block = bytes.subarray(from, from + SMALL_BYTES + LINE_START.length);
    const newline = block.indexOf(NEWLINE) + 1 || Infinity;
    const start = block.indexOf(LINE_START, from === 0 ? 1 : 0);
    const first = Math.min(newline, start < 0 ? Infinity : start);
    if (first !== Infinity) return from + first;
  }
  return Infinity;
}

function found(item: Item, at: number, bytes: Buffer, preceding: Preceding | undefined): Found {
  if (preceding?.allows(item.trailer, at) === false) return { reason: MISFIT };
  const frame: Frame = { start: at, termStart: at, end: at + bytes.length, legacy: false };
  return { item, frame, bytes };
}

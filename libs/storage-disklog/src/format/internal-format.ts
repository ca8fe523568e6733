import { placeEntries, readPlacedEntry, readPlacedLayout } from './entry-layout.js';
import { FILE_HEAD, fileHead, readFileHead } from './headers.js';
import {
  type BadItem,
  type Frame,
  type Item,
  itemSize,
  MAX_FRAME_HEAD,
  parseTrailer,
  readFrame,
  readItem,
  sealItem,
  termOffset,
  type Trailer,
  TRAILER_SIZE,
  writeItem,
  writeItemAround,
} from './item.js';
import { readPlainItem } from './plain-item.js';
import {
  type ByteWindow,
  type Found,
  type Preceding,
  type LogFormat,
  MISFIT,
  TOO_MANY,
} from './log-format.js';

const MAGIC = Buffer.from('bWLA', 'latin1');
/** Bytes searched at a time. */
const CHUNK = 1 << 20;

/** Erlang's own format, with trailers. */
export const internalFormat: LogFormat = {
  name: 'internal',
  headBytes: FILE_HEAD,
  zerosAhead: true,
  fileHead,
  readStatus: readFileHead,
  itemSize,
  writeItem,
  writeItemAround,
  sealItem,
  placeEntries: (buffer, start, length, at, onPlaced) =>
    placeEntries(buffer, start, start + termOffset(length), at, length, onPlaced),
  readPlacedEntry,
  readPlacedLayout,
  readItem: readWholeItem,
  itemAt,
  readPlainItem,
  nextStart: findMagic,
};

function readWholeItem(bytes: Buffer, position: number): Item | BadItem {
  const head = bytes.subarray(0, MAX_FRAME_HEAD);
  const frame = readFrame(head, 0, head.length);
  if (frame?.end !== bytes.length) return { reason: 'no item starts here' };
  return readItem(bytes, frame, position);
}

function itemAt(window: ByteWindow, at: number, preceding?: Preceding): Found | Promise<Found> {
  // Most items lie completely in the bytes read last; awaiting each of them would cost more than reading it.
  const head = preceding === undefined ? window.held(at, MAX_FRAME_HEAD) : undefined;
  const frame = head === undefined ? undefined : readFrame(head, 0, head.length);
  const bytes = frame === undefined ? undefined : window.held(at, frame.end);
  return bytes === undefined ? readItemAt(window, at, preceding) : checkedItem(bytes, frame!, at);
}

async function readItemAt(window: ByteWindow, at: number, preceding: Preceding | undefined): Promise<Found> {
  const head = await window.view(at, MAX_FRAME_HEAD);
  const frame = readFrame(head, 0, head.length);
  if (frame === undefined) return { reason: isZero(head) ? 'zeros' : 'no item starts here' };
  if (at + frame.end > window.size) return { reason: 'the item is cut short' };
  // Checked before the item is read whole: damage in a large value may leave many places that look like a head.
  if (preceding !== undefined && !preceding.allows(await trailerAt(window, at, frame), at))
    return { reason: MISFIT };
  if (preceding?.mayTry(frame.end) === false) return { reason: TOO_MANY };
  const found = checkedItem(await window.view(at, frame.end), frame, at);
  return 'item' in found && preceding?.allows(found.item.trailer, at) === false ? { reason: MISFIT } : found;
}

function checkedItem(bytes: Buffer, frame: Frame, at: number): Found {
  const item = readItem(bytes, frame, at);
  if ('reason' in item) return item;
  const { termStart, end, legacy } = frame;
  return { item, frame: { start: at, termStart: at + termStart, end: at + end, legacy }, bytes };
}

/** The trailer of a frame, not yet checked. */
async function trailerAt(window: ByteWindow, at: number, frame: Frame): Promise<Trailer | undefined> {
  if (frame.legacy || frame.end - frame.termStart <= TRAILER_SIZE) return undefined;
  return parseTrailer(await window.peek(at + frame.end - TRAILER_SIZE, TRAILER_SIZE), 0);
}

/** The next position where an item might start: four bytes before its magic. */
async function findMagic(window: ByteWindow, from: number): Promise<number | undefined> {
  for (let at = from; at + 8 <= window.size;) {
    // Searches the bytes read already first, so that each of many candidates does not read a chunk.
    const held = window.heldFrom(at);
    const bytes = held.length < 8 ? await window.view(at, CHUNK) : held;
    const found = bytes.indexOf(MAGIC, 4);
    if (found >= 0) return at + found - 4;
    if (bytes.length < 8) return undefined;
    // The magic may span two chunks.
    at += bytes.length - 7;
  }
  return undefined;
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

import { MAX_FRAME_HEAD, parseTrailer, readFrame, readTrailer, TRAILER_SIZE } from '../format/item.js';
import { SEAL_BYTES, statedSeal } from '../format/line.js';
import type { Found, LogFormat } from '../format/log-format.js';
import type { IndexFooter } from '../index/index-file.js';
import type { FileHandle } from '../io/file-system.js';
import { Window } from './window.js';

/** Bytes read from every file: its head and usually the first item. */
export const START_BYTES = 8 << 10;
/** A larger first item is not read just to learn its generation. */
const MAX_CHECKED_ITEM = 16 << 20;

/** A file whose first item is to tell its generation. */
export interface Beginning {
  readonly handle: FileHandle;
  readonly size: number;
  /** Its first bytes, at most {@link START_BYTES}. */
  readonly start: Buffer;
  /** What the index of the file says, if it has a sound one. */
  readonly readIndexed: () => IndexFooter | undefined;
}

/**
 * Reads and checks the first item, whose trailer decides which file is the newest. A large item is not read if the
 * file's index, which has its own checksum, is of the same generation: a thousand files may begin with a megabyte
 * each. Undefined if Erlang wrote the item, or it cannot be read, or it is too large to read for this purpose.
 */
export function firstGeneration(file: Beginning, format: LogFormat): Promise<number | undefined> {
  return format.headBytes === 0 ? generationOfLines(file, format) : generationOfItem(file, format.headBytes);
}

async function generationOfItem(file: Beginning, headBytes: number): Promise<number | undefined> {
  const { handle, size, start } = file;
  const frame = readFrame(start, headBytes, Math.min(start.length, headBytes + MAX_FRAME_HEAD));
  if (frame === undefined || frame.end > size) return undefined;
  if (frame.end - frame.termStart <= TRAILER_SIZE) return undefined;
  let bytes = start.subarray(frame.start, frame.end);
  if (frame.end > start.length) {
    const stated = parseTrailer(bytesBefore(handle, frame.end, TRAILER_SIZE), 0)?.generation;
    if (isIndexed(file, stated)) return stated;
    if (frame.end - frame.start > MAX_CHECKED_ITEM) return undefined;
    bytes = Buffer.alloc(frame.end - frame.start);
    await handle.read(bytes, 0, bytes.length, frame.start);
  }
  const moved = { ...frame, start: 0, termStart: frame.termStart - frame.start, end: bytes.length };
  const trailer = readTrailer(bytes, moved, frame.start);
  return trailer === undefined || 'reason' in trailer ? undefined : trailer.generation;
}

/** Only reading a line finds its end, so for a long first line the seal of the file's last line is used instead. */
async function generationOfLines(file: Beginning, format: LogFormat): Promise<number | undefined> {
  const { handle, size, start } = file;
  const within = async (bytes: number): Promise<Found> =>
    format.itemAt(new Window(handle, Math.min(size, bytes), START_BYTES, start), 0);
  let found = await within(start.length);
  if ('isCut' in found && size > start.length) {
    const stated = statedSeal(bytesBefore(handle, size, SEAL_BYTES))?.generation;
    if (isIndexed(file, stated)) return stated;
    found = await within(MAX_CHECKED_ITEM);
  }
  return 'item' in found ? found.item.trailer?.generation : undefined;
}

function isIndexed({ size, readIndexed }: Beginning, generation: number | undefined): boolean {
  if (generation === undefined) return false;
  const indexed = readIndexed();
  return indexed?.logEnd === size && indexed.generation === generation;
}

function bytesBefore(handle: FileHandle, end: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  handle.readSync(bytes, 0, length, Math.max(0, end - length));
  return bytes;
}

import { uint16, uint32 } from './big-endian.js';
import { crc32 } from './crc32.js';
import { LIST } from './entry.js';
import { type Layout, readLayout } from './entry-layout.js';
import {
  ITEM_HEAD,
  MAGIC,
  MD5_FROM,
  positionSeed,
  type Trailer,
  TRAILER_MAGIC,
  TRAILER_SIZE,
} from './item.js';
import { VERSION_MAGIC } from './term.js';

/** What a plain item says, in fields that the next one overwrites, because reading a file meets a great many. */
export interface PlainItem extends Layout, Trailer {
  keyStart: number;
  keyEnd: number;
  deleted: boolean;
  valueStart: number;
  valueEnd: number;
  /** Where the item ends in the buffer. */
  end: number;
  generation: number;
  sequence: number;
  synced: number;
}

export function emptyPlainItem(): PlainItem {
  const layout = { keyStart: 0, keyEnd: 0, deleted: false, valueStart: 0, valueEnd: 0, end: 0 };
  return { ...layout, generation: 0, sequence: 0, synced: 0 };
}

/**
 * Reads and checks an item of the common kind: ours, short, of one entry, and completely in the buffer. Returns false
 * for anything else, with meaningless fields; the format's `itemAt` then finds out what is there.
 */
export function readPlainItem(buffer: Buffer, start: number, position: number, into: PlainItem): boolean {
  const termStart = start + ITEM_HEAD;
  if (termStart > buffer.length || uint32(buffer, start + 4) !== MAGIC) return false;
  const size = uint32(buffer, start);
  const end = termStart + size;
  const trailer = end - TRAILER_SIZE;
  if (size >= MD5_FROM || end > buffer.length || trailer < termStart + 2) return false;
  if (uint16(buffer, trailer) !== TRAILER_MAGIC) return false;
  if (crc32(buffer.subarray(start, end - 4), positionSeed(position)) !== uint32(buffer, end - 4))
    return false;
  if (buffer[termStart] !== VERSION_MAGIC || buffer[termStart + 1] === LIST) return false;
  if (!readLayout(buffer, termStart + 1, trailer, into) || into.end !== trailer) return false;
  into.end = end;
  into.synced = uint32(buffer, trailer + 4) + uint16(buffer, trailer + 2) * 2 ** 32;
  into.generation = uint32(buffer, trailer + 8);
  into.sequence = uint32(buffer, trailer + 12) * 2 ** 32 + uint32(buffer, trailer + 16);
  return true;
}

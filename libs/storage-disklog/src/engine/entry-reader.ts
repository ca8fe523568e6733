import type { Allocate, StoreEntry } from '@genrocks/storage';
import type { Entry } from '../format/entry.js';
import type { Slot } from '../format/entry-layout.js';
import { emptyPlainItem } from '../format/plain-item.js';
import type { Found } from './cursor.js';
import type { LogFile } from './log-file.js';
import { readBytes } from './own-thread.js';

/** Entries closer to each other than this are read in one go. */
const MAX_HOLE = 16 << 10;
const MAX_RUN = 1 << 20;

/**
 * The newest value of a key whose slot is known; without a promise if nothing has to be awaited. The caller owns the
 * buffer.
 */
export function readValue({ file, key, slot }: Found): Buffer | Promise<Buffer> {
  const { at, length, inner, innerLength } = slot;
  const bytes = inner === 0 ? readBytes(file, at, length) : readBytes(file, at + inner, innerLength);
  if (!(bytes instanceof Promise)) return valueFrom(file, bytes, key, slot);
  return bytes.then((own) => valueFrom(file, own, key, slot));
}

const read = emptyPlainItem();

/**
 * The value, from the bytes of its item or, for an entry of a batch, of the entry alone. Creates no objects in the
 * common case.
 */
function valueFrom(file: LogFile, bytes: Buffer, key: string, slot: Slot): Buffer {
  const { format } = file;
  const isRead =
    slot.inner === 0
      ? format.readPlainItem?.(bytes, 0, slot.at, read) === true && slot.index === 0
      : format.readPlacedLayout?.(bytes, slot.crc, read) === true;
  const isIt = isRead && !read.deleted && read.end === bytes.length;
  if (isIt && isKey(bytes, read.keyStart, read.keyEnd, key)) {
    return bytes.subarray(read.valueStart, read.valueEnd);
  }
  return entryFrom(file, bytes, extentOf(slot).start, key, slot).value;
}

/**
 * The values of keys, with neighbours read together: one page per stretch read. Entries before one that fails its
 * checks are yielded first.
 */
export async function* readPages(found: readonly Found[], allocate?: Allocate): AsyncGenerator<StoreEntry[]> {
  for (let from = 0; from < found.length;) {
    const run = runFrom(found, from);
    const { file } = found[from]!;
    const bytes = await readBytes(file, run.start, run.end - run.start, allocate);
    const page: StoreEntry[] = [];
    try {
      for (; from < run.next; from++) {
        const { key, slot } = found[from]!;
        page.push(entryFrom(file, bytes, run.start, key, slot));
      }
    } catch (error) {
      if (page.length > 0) yield page;
      throw error;
    }
    yield page;
  }
}

/** The bytes to read for an entry: its own, or those of its item. */
export function extentOf({ at, length, inner, innerLength }: Slot): { start: number; length: number } {
  return inner === 0 ? { start: at, length } : { start: at + inner, length: innerLength };
}

interface Run {
  readonly start: number;
  readonly end: number;
  /** Index of the first entry after the run. */
  readonly next: number;
}

/** The longest run of entries, from an index on, that lie close together in one file. */
function runFrom(found: readonly Found[], from: number): Run {
  const { file, slot } = found[from]!;
  const first = extentOf(slot);
  let { start } = first;
  let end = start + first.length;
  let next = from + 1;
  for (; next < found.length; next++) {
    const other = found[next]!;
    if (other.file !== file) break;
    const extent = extentOf(other.slot);
    const low = Math.min(start, extent.start);
    const high = Math.max(end, extent.start + extent.length);
    const near = extent.start + extent.length >= start - MAX_HOLE && extent.start <= end + MAX_HOLE;
    if (!near || high - low > MAX_RUN) break;
    start = low;
    end = high;
  }
  return { start, end, next };
}

/** A slot's entry, from bytes read at `start`. Throws `LOG_CORRUPT` if it fails its checks. */
function entryFrom(file: LogFile, bytes: Buffer, start: number, key: string, slot: Slot): StoreEntry {
  const { at, length, inner, innerLength, crc, index } = slot;
  let entry: Pick<Entry, 'key' | 'value'> | undefined;
  let verified = true;
  if (inner === 0) {
    const item = file.itemFrom(bytes, at - start, slot);
    entry = item.entries[index];
    verified = item.trailer !== undefined;
  } else {
    const from = at + inner - start;
    const own = bytes.length === innerLength ? bytes : bytes.subarray(from, from + innerLength);
    entry = file.format.readPlacedEntry(own, crc);
    if (entry === undefined) throw file.rotten(at, length, 'an entry of the batch fails its checksum');
  }
  if (entry?.value === undefined || !isKey(entry.key, 0, entry.key.length, key)) {
    throw file.rotten(at, length, 'the item does not contain the expected key');
  }
  return { key: entry.key, value: entry.value, verified };
}

/** Compares bytes: for short keys, which most are, that is cheaper than making a string. */
function isKey(bytes: Buffer, from: number, to: number, key: string): boolean {
  if (to - from !== key.length) return false;
  for (let i = 0; i < key.length; i++) if (bytes[from + i] !== key.charCodeAt(i)) return false;
  return true;
}

import type { Allocate, StoreEntry } from '@genrocks/storage';
import type { Entry } from '../format/entry.js';
import type { Slot } from '../format/entry-layout.js';
import { emptyPlainItem } from '../format/plain-item.js';
import type { Found } from './cursor.js';
import type { LogFile } from './log-file.js';
import { readBytes } from './own-thread.js';

/** What is read closer than this to each other is read in one go. */
const MAX_HOLE = 16 << 10;
const MAX_RUN = 1 << 20;

/** The newest value of a key whose slot is known; at once where it takes no wait. The buffer is the caller's own. */
export function readValue({ file, key, slot }: Found): Buffer | Promise<Buffer> {
  const { at, length, inner, innerLength } = slot;
  const bytes = inner === 0 ? readBytes(file, at, length) : readBytes(file, at + inner, innerLength);
  if (!(bytes instanceof Promise)) return valueFrom(file, bytes, key, slot);
  return bytes.then((own) => valueFrom(file, own, key, slot));
}

const read = emptyPlainItem();

/** The value in the bytes of its item or, of an entry of a batch, in its own. Makes no objects where it need not. */
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
 * The values of keys, neighbours read together: a page for each stretch that is read. What lies before an entry that
 * fails its checks is given first.
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

/** The bytes that have to be read for an entry: its own, or those of its item. */
export function extentOf({ at, length, inner, innerLength }: Slot): { start: number; length: number } {
  return inner === 0 ? { start: at, length } : { start: at + inner, length: innerLength };
}

interface Run {
  readonly start: number;
  readonly end: number;
  /** Index of the first entry after the run. */
  readonly next: number;
}

/** The longest stretch of entries from an index on that lie close together in one file. */
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

/** A slot's entry out of bytes read at `start`; what fails its checks is `LOG_CORRUPT`. */
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
    throw file.rotten(at, length, 'the item does not hold the key it is known for');
  }
  return { key: entry.key, value: entry.value, verified };
}

/** Most keys are short, and then this is cheaper than making a string to compare. */
function isKey(bytes: Buffer, from: number, to: number, key: string): boolean {
  if (to - from !== key.length) return false;
  for (let i = 0; i < key.length; i++) if (bytes[from + i] !== key.charCodeAt(i)) return false;
  return true;
}

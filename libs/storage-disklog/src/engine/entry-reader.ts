import type { StoreEntry } from '@genrocks/storage';
import type { Entry } from '../format/entry.js';
import type { Found } from './cursor.js';
import type { LogFile } from './log-file.js';
import type { Slot } from './memory-keys.js';
import { readBytes } from './read-policy.js';

/** Items closer than this to each other are read in one go. */
const MAX_HOLE = 16 << 10;
const MAX_RUN = 1 << 20;
/** A larger batch is not kept after one of its entries was read. */
const MAX_KEPT_BATCH = 4 << 20;

/** The newest value of a key whose slot is known. The buffer is the caller's own. */
export async function readValue(file: LogFile, key: string, slot: Slot): Promise<Buffer> {
  let item = file.batchAt(slot.at);
  if (item === undefined) {
    item = file.itemFrom(await readBytes(file, slot.at, slot.length), 0, slot);
    if (item.entries.length === 1) return entryOf(file, item.entries, key, slot).value;
    if (slot.length <= MAX_KEPT_BATCH) file.keepBatch(slot.at, item);
  }
  return Buffer.from(entryOf(file, item.entries, key, slot).value);
}

/** The values of a page of keys, neighbours read together. */
export async function readPage(found: readonly Found[]): Promise<StoreEntry[]> {
  const entries: StoreEntry[] = [];
  for (let from = 0; from < found.length;) {
    const { file, key, slot } = found[from]!;
    const batch = file.batchAt(slot.at);
    if (batch !== undefined) {
      entries.push(ownCopy(entryOf(file, batch.entries, key, slot)));
      from++;
      continue;
    }
    const run = runFrom(found, from);
    await readRun(found, from, run, entries);
    from = run.next;
  }
  return entries;
}

interface Run {
  readonly start: number;
  readonly end: number;
  /** Index of the first entry behind the run. */
  readonly next: number;
}

/** The longest stretch of entries from an index on whose items lie close together in one file. */
function runFrom(found: readonly Found[], from: number): Run {
  const { file, slot } = found[from]!;
  let start = slot.at;
  let end = slot.at + slot.length;
  let next = from + 1;
  for (; next < found.length; next++) {
    const other = found[next]!;
    if (other.file !== file) break;
    const low = Math.min(start, other.slot.at);
    const high = Math.max(end, other.slot.at + other.slot.length);
    const near = other.slot.at >= start - other.slot.length - MAX_HOLE && other.slot.at <= end + MAX_HOLE;
    if (!near || high - low > MAX_RUN) break;
    start = low;
    end = high;
  }
  return { start, end, next };
}

async function readRun(
  found: readonly Found[],
  from: number,
  run: Run,
  entries: StoreEntry[],
): Promise<void> {
  const { file } = found[from]!;
  const bytes = await readBytes(file, run.start, run.end - run.start);
  // Entries of one batch share an item: it is checked and decoded once.
  let lastAt = -1;
  let decoded: readonly Entry[] = [];
  let shared = false;
  for (let i = from; i < run.next; i++) {
    const { key, slot } = found[i]!;
    if (slot.at !== lastAt) {
      const item = file.itemFrom(bytes, slot.at - run.start, slot);
      decoded = item.entries;
      lastAt = slot.at;
      shared = decoded.length > 1 && slot.length <= MAX_KEPT_BATCH;
      if (shared) file.keepBatch(slot.at, item);
    }
    const entry = entryOf(file, decoded, key, slot);
    entries.push(shared ? ownCopy(entry) : entry);
  }
}

/** Entries out of a batch that is kept: what a reader does to its buffers must not show in the next read. */
function ownCopy({ key, value }: StoreEntry): StoreEntry {
  return { key: Buffer.from(key), value: Buffer.from(value) };
}

/** A slot's entry in its item. */
function entryOf(file: LogFile, entries: readonly Entry[], key: string, slot: Slot): StoreEntry {
  const { key: bytes, value } = entries[slot.index] ?? {};
  if (bytes === undefined || value === undefined || bytes.toString('latin1') !== key) {
    throw file.corrupt(slot.at, slot.length, 'the item does not hold the key it is known for');
  }
  return { key: bytes, value };
}

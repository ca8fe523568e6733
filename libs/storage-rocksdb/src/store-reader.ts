import { keyToString, type KeyRange, type LogEntry, type StoreEntry } from '@genrocks/storage';
import type { Database } from './database/database.js';
import { type RawEntry } from './database/native.js';
import {
  isDeflated,
  plainValueOf,
  RECORD_HEAD,
  sequenceOf,
  timestampOf,
  valueOf,
} from './database/record.js';
import type { StoreState } from './database/store-state.js';

/** Limits of a page: entries, and bytes if entries are large. */
const PAGE_ENTRIES = 512;
const PAGE_BYTES = 4 * 1024 * 1024;

/**
 * Reads live entries in key order. Each page has an iterator of its own that starts after the last key, so nothing is held
 * between pages: a reader may stop at any time, or take an hour over a page.
 */
export async function* scan(
  database: Database,
  state: StoreState,
  { lower, upper, reverse, limit, maxBytes }: KeyRange,
  assertOpen: () => void,
): AsyncGenerator<StoreEntry[]> {
  let from = lower;
  let to = upper;
  let left = limit;
  while (left > 0 && (to === undefined || from < to)) {
    assertOpen();
    const count = Math.min(pageSize(state, maxBytes), left);
    const raw = await database.page({ ...state.keys.entries(from, to), reverse }, count);
    await database.committer.settled(state);
    if (raw.length === 0) break;
    const last = keyToString(state.keys.userKey(raw.at(-1)!.key));
    for await (const page of pagesByBytes(raw, (entry) => toStoreEntry(state, entry), maxBytes)) {
      yield page;
      assertOpen();
    }
    if (raw.length < count) break;
    left -= raw.length;
    if (reverse) to = last;
    else from = `${last}\0`;
  }
  assertOpen();
}

/** Reads the newest write of every live key, in the order of the writes, up to the newest at the time of the call. */
export async function* readLog(
  database: Database,
  state: StoreState,
  limit: number,
  assertOpen: () => void,
): AsyncGenerator<LogEntry[]> {
  assertOpen();
  const lt = state.keys.sequence(state.counters.nextSequence);
  let gte = state.keys.sequence(0);
  let left = limit;
  while (left > 0) {
    const count = Math.min(pageSize(state), left);
    const order = await database.page({ gte, lt }, count);
    if (order.length === 0) break;
    const records = await database.get(order.map(({ value }) => state.keys.entry(keyToString(value))));
    await database.committer.settled(state);
    const written = order.flatMap(({ key, value }, i) => {
      const record = records[i]!;
      // Otherwise the key was overwritten or deleted after its place in the order was read.
      const current = record !== null && sequenceOf(record) === state.keys.parseSequence(key);
      return current ? { key: value, value: record } : [];
    });
    left -= written.length;
    for await (const page of pagesByBytes(written, (entry) => toLogEntry(state, entry))) {
      yield page;
      assertOpen();
    }
    assertOpen();
    if (order.length < count) break;
    gte = state.keys.sequence(state.keys.parseSequence(order.at(-1)!.key) + 1);
  }
}

/**
 * Converts the entries of a page one by one, and splits the page by the bytes of the values: an inflated value may be a
 * thousand times as large as it is stored.
 */
async function* pagesByBytes<T extends { readonly value: Buffer }>(
  raw: readonly RawEntry[],
  convert: (entry: RawEntry) => T | Promise<T>,
  maxBytes = PAGE_BYTES,
): AsyncGenerator<T[]> {
  const enough = Math.min(PAGE_BYTES, maxBytes);
  let page: T[] = [];
  let bytes = 0;
  for (const entry of raw) {
    const converting = convert(entry);
    const converted = converting instanceof Promise ? await converting : converting;
    page.push(converted);
    bytes += converted.value.length;
    if (bytes < enough) continue;
    yield page;
    page = [];
    bytes = 0;
  }
  if (page.length > 0) yield page;
}

function toStoreEntry(state: StoreState, { key, value: record }: RawEntry): StoreEntry | Promise<StoreEntry> {
  const userKey = state.keys.userKey(key);
  if (!isDeflated(record)) return { key: userKey, value: plainValueOf(record) };
  return valueOf(record, state.name).then((value) => ({ key: userKey, value }));
}

type Put = LogEntry & { readonly type: 'put' };

function toLogEntry(state: StoreState, { key, value: record }: RawEntry): Put | Promise<Put> {
  const timestamp = timestampOf(record);
  if (!isDeflated(record)) return { type: 'put', key, value: plainValueOf(record), timestamp };
  return valueOf(record, state.name).then((value) => ({ type: 'put', key, value, timestamp }));
}

/** How many entries fit a page if all of them are as large as the largest of the store. */
function pageSize({ counters }: StoreState, maxBytes = PAGE_BYTES): number {
  const fitting = Math.floor(Math.min(PAGE_BYTES, maxBytes) / (counters.largest + RECORD_HEAD));
  return Math.max(1, Math.min(PAGE_ENTRIES, fitting));
}

import { keyToString, type KeyRange, type LogEntry, type StoreEntry } from '@genrocks/storage';
import type { Database } from './database/database.js';
import { type RawEntry } from './database/native.js';
import { RECORD_HEAD, sequenceOf, timestampOf, valueOf } from './database/record.js';
import type { StoreState } from './database/store-state.js';

/** Entries of a page at most, and the bytes it may take where entries are large. */
const PAGE_ENTRIES = 512;
const PAGE_BYTES = 4 * 1024 * 1024;

/**
 * Live entries in key order. Each page has an iterator of its own that starts after the last key, so that nothing is
 * held between pages: a reader may stop at any time, or take an hour over a page.
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
    yield await Promise.all(raw.map((entry) => toStoreEntry(state, entry)));
    if (raw.length < count) break;
    left -= raw.length;
    if (reverse) to = last;
    else from = `${last}\0`;
  }
  assertOpen();
}

/** The newest write of every live key, in the order of the writes, up to the newest at the time of the call. */
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
    const entries: LogEntry[] = [];
    for (const [i, { key, value }] of order.entries()) {
      const record = records[i];
      // Overwritten or deleted since its place in the order was read.
      if (record === null || sequenceOf(record!) !== state.keys.parseSequence(key)) continue;
      entries.push({
        type: 'put',
        key: value,
        value: await valueOf(record!, state.name),
        timestamp: timestampOf(record!),
      });
    }
    left -= entries.length;
    if (entries.length > 0) yield entries;
    assertOpen();
    if (order.length < count) break;
    gte = state.keys.sequence(state.keys.parseSequence(order.at(-1)!.key) + 1);
  }
}

async function toStoreEntry(state: StoreState, { key, value }: RawEntry): Promise<StoreEntry> {
  return { key: state.keys.userKey(key), value: await valueOf(value, state.name) };
}

/** Entries that fit a page even where all of them are as large as the store's largest. */
function pageSize({ counters }: StoreState, maxBytes = PAGE_BYTES): number {
  const fitting = Math.floor(Math.min(PAGE_BYTES, maxBytes) / (counters.largest + RECORD_HEAD));
  return Math.max(1, Math.min(PAGE_ENTRIES, fitting));
}

import type { LogEntry } from '@genrocks/storage';
import type { Entry } from '../format/entry.js';
import { ForwardWindow } from './forward-window.js';
import type { LogFile } from './log-file.js';
import { PrecedingItems } from './preceding-items.js';

/** Bytes read from a file at a time, and roughly what a page holds. */
const CHUNK = 256 << 10;
/** Bytes of the first read: a caller that asks for the next few messages is mostly done with that. */
const FIRST = 64 << 10;

/**
 * The entries of one file in the order they were written, deletions included. Entries committed after the call are
 * left out.
 */
export function readFileLog(file: LogFile, skipDamaged: boolean): AsyncGenerator<LogEntry[]> {
  return readFileEntries(file, file.format.headBytes, file.end, skipDamaged, ({ key, value, timestamp }) =>
    value === undefined ? { type: 'delete', key, timestamp } : { type: 'put', key, value, timestamp },
  );
}

/** Converts an entry, given whether a checksum covers it; undefined leaves it out. */
type Pick<T> = (entry: Entry, verified: boolean) => T | undefined;

/**
 * What `pick` makes of the entries of one file, in the order they were written, about a chunk per page. At damage it
 * fails with `LOG_CORRUPT` or, with `skipDamaged`, continues after it.
 */
export async function* readFileEntries<T>(
  file: LogFile,
  from: number,
  to: number,
  skipDamaged: boolean,
  pick: Pick<T>,
): AsyncGenerator<T[]> {
  const window = new ForwardWindow(file.handle, to, CHUNK, FIRST);
  try {
    yield* readEntries(window, file, from, skipDamaged, pick);
  } finally {
    await window.settled();
  }
}

async function* readEntries<T>(
  window: ForwardWindow,
  file: LogFile,
  from: number,
  skipDamaged: boolean,
  pick: Pick<T>,
): AsyncGenerator<T[]> {
  const to = window.size;
  const preceding = new PrecedingItems(to, file.isOurs);
  let page: T[] = [];
  let pageStart = from;
  let passing = false;
  for (let at = from; at < to;) {
    const looked = file.format.itemAt(window, at, passing ? preceding : undefined);
    const found = looked instanceof Promise ? await looked : looked;
    if ('reason' in found) {
      if (page.length > 0) yield page;
      page = [];
      const known = file.damageAt(at);
      const next = known?.end ?? (await file.format.nextStart(window, at + 1)) ?? to;
      const error =
        known === undefined
          ? file.rotten(at, next - at, found.reason)
          : file.corrupt(at, next - at, found.reason);
      if (!skipDamaged) throw error;
      pageStart = at = next;
      passing = true;
      continue;
    }
    preceding.add(found.item.trailer, passing ? found.bytes.length : 0);
    passing = false;
    const verified = found.item.trailer !== undefined;
    for (const entry of found.item.entries) {
      const picked = pick(entry, verified);
      if (picked !== undefined) page.push(picked);
    }
    at = found.frame.end;
    if (at - pageStart < CHUNK) continue;
    if (page.length > 0) yield page;
    page = [];
    pageStart = at;
  }
  if (page.length > 0) yield page;
}

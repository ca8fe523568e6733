import type { LogEntry } from '@genrocks/storage';
import { FILE_HEAD } from '../format/headers.js';
import type { LogFile } from './log-file.js';
import { findMagic, itemAt, Line, Window } from './scanner.js';

/** Bytes read from a file at a time, and about what a page holds. */
const CHUNK = 64 << 10;

/**
 * The entries of one file in the order they were written, a chunk a page. At damage it fails with `LOG_CORRUPT`, or
 * goes on behind it.
 */
export async function* readFileLog(file: LogFile, skipDamaged: boolean): AsyncGenerator<LogEntry[]> {
  // What is committed after the reading began is left out.
  const { end } = file;
  const window = new Window(file.handle, end, CHUNK);
  let page: LogEntry[] = [];
  let pageStart = FILE_HEAD;
  const line = new Line();
  let passing = false;
  for (let at = FILE_HEAD; at < end;) {
    const found = await itemAt(window, at, passing ? line : undefined);
    if ('reason' in found) {
      if (page.length > 0) yield page;
      page = [];
      const position = at;
      const known = file.damage.find((damage) => damage.start <= position && position < damage.end);
      const next = known?.end ?? (await findMagic(window, at + 1)) ?? end;
      if (!skipDamaged) throw file.corrupt(at, next - at, found.reason);
      pageStart = at = next;
      passing = true;
      continue;
    }
    passing = false;
    line.add(found.item.trailer);
    for (const { key, value, timestamp } of found.item.entries) {
      page.push(
        value === undefined ? { type: 'delete', key, timestamp } : { type: 'put', key, value, timestamp },
      );
    }
    at = found.frame.end;
    if (at - pageStart < CHUNK) continue;
    yield page;
    page = [];
    pageStart = at;
  }
  if (page.length > 0) yield page;
}

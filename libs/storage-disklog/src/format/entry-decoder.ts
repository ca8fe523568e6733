import { BINARY_HEAD, type Entry, LIST, LIST_HEAD, NIL, TIMESTAMP_SIZE, TOMBSTONE } from './entry.js';
import { emptyLayout, type Layout, readLayout } from './entry-layout.js';
import { Atom, type Term, TermError, TermReader, termToJson, Tuple, VERSION_MAGIC } from './term.js';

// One is enough, since nothing is awaited between filling and reading it.
const layout = emptyLayout();

/** The entries of an item. */
export interface DecodedTerm {
  readonly entries: readonly Entry[];
  /** Where the term ends; a trailer may follow. */
  readonly end: number;
}

/**
 * Reads the entries of an item: one tuple or a list of them. The buffers are views.
 * @throws {TermError} if the bytes are not such a term
 */
export function readTerm(buffer: Buffer, start: number, end: number): DecodedTerm {
  const fast = readPlain(buffer, start, end);
  if (fast !== undefined) return fast;
  const reader = new TermReader(buffer, start, end);
  const term = reader.readVersioned();
  const tuples = Array.isArray(term) ? term : [term];
  return { entries: tuples.map(toEntry), end: reader.position };
}

/** Reads the common shapes without building terms; undefined for any other. */
function readPlain(buffer: Buffer, start: number, end: number): DecodedTerm | undefined {
  if (end - start < 2 || buffer[start] !== VERSION_MAGIC) return undefined;
  if (buffer[start + 1] !== LIST) {
    if (!readLayout(buffer, start + 1, end, layout)) return undefined;
    return { entries: [plainEntry(buffer, layout)], end: layout.end };
  }
  if (end - start < 1 + LIST_HEAD) return undefined;
  const entries: Entry[] = [];
  let at = start + 1 + LIST_HEAD;
  for (let left = buffer.readUInt32BE(start + 2); left > 0; left--) {
    if (!readLayout(buffer, at, end, layout)) return undefined;
    entries.push(plainEntry(buffer, layout));
    at = layout.end;
  }
  return at < end && buffer[at] === NIL ? { entries, end: at + 1 } : undefined;
}

function plainEntry(buffer: Buffer, { keyStart, keyEnd, deleted, end }: Layout): Entry {
  const timestampAt = end - TIMESTAMP_SIZE;
  return {
    key: buffer.subarray(keyStart, keyEnd),
    value: deleted ? undefined : buffer.subarray(keyEnd + BINARY_HEAD, timestampAt),
    timestamp: buffer.readUIntLE(timestampAt + 3, 6),
  };
}

function toEntry(term: Term): Entry {
  if (!(term instanceof Tuple) || term.elements.length !== 3)
    throw new TermError('not a {key, value, timestamp} tuple');
  const [key, value, timestamp] = term.elements as [Term, Term, Term];
  if (typeof timestamp !== 'number') throw new TermError('the timestamp is not an integer');
  // A key that is not a binary has no bytes of its own, so its JSON text names it.
  const keyBytes = Buffer.isBuffer(key) ? key : jsonBytes(key);
  if (value instanceof Atom && value.name === TOMBSTONE)
    return { key: keyBytes, value: undefined, timestamp };
  if (Buffer.isBuffer(value)) return { key: keyBytes, value, timestamp };
  return { key: keyBytes, value: jsonBytes(value), timestamp, term: value };
}

function jsonBytes(term: Term): Buffer {
  return Buffer.from(JSON.stringify(termToJson(term)), 'utf8');
}

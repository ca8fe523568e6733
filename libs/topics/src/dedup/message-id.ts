import { InvalidMessageError } from '../errors.js';
import { BatchReader, readHeaders } from '../records/batch-reader.js';
import type { RecordHeaderInput } from '../records/batch-writer.js';

/** The header that carries {@link PublishMessage.id}; it does not show among `headers`. */
export const MESSAGE_ID_HEADER = 'genrocks-message-id';

/**
 * When a message with an id was published, ms since 1970 as text. Only on messages whose timestamp was set by hand:
 * the window of an id must not begin at a time its publisher made up.
 */
export const PUBLISHED_AT_HEADER = 'genrocks-published-at';

/** A UTF-16 surrogate without its other half. */
const LONE_SURROGATE = /\p{Surrogate}/u;

const MAX_ID_BYTES = 256;
const ID_NAME = Buffer.from(MESSAGE_ID_HEADER);
const PUBLISHED_AT_NAME = Buffer.from(PUBLISHED_AT_HEADER);

/** @throws `INVALID_MESSAGE` */
export function idHeaders(id: string, timestamp: number, now: number): RecordHeaderInput[] {
  // Half a surrogate pair has no UTF-8 form: two such ids would be one after a restart.
  if (typeof id !== 'string' || id === '' || LONE_SURROGATE.test(id)) {
    throw new InvalidMessageError('id must be text of at least one character');
  }
  const value = Buffer.from(id);
  if (value.length > MAX_ID_BYTES) {
    throw new InvalidMessageError(`id has ${value.length} bytes, the limit is ${MAX_ID_BYTES}`);
  }
  const headers: RecordHeaderInput[] = [{ name: ID_NAME, value }];
  if (timestamp !== now) headers.push({ name: PUBLISHED_AT_NAME, value: Buffer.from(String(now)) });
  return headers;
}

/** A message with an id as it was found in the log. */
export interface FoundId {
  readonly id: string;
  readonly offset: number;
  readonly timestamp: number;
  readonly publishedAt: number;
}

/**
 * The ids of a batch, in the order of its records.
 * @throws `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION`
 */
export function idsOf(batch: Buffer): FoundId[] {
  const found: FoundId[] = [];
  const reader = new BatchReader(batch, { verify: false });
  if (reader.header.control) return found;
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    const { offset, timestamp } = record;
    let id: string | undefined;
    let publishedAt = timestamp;
    for (const [name, value] of readHeaders(record)) {
      if (value === null) continue;
      // A longer one, which only a Kafka client can have written, is nobody's who publishes: it would fill the memory.
      if (name === MESSAGE_ID_HEADER && value.length <= MAX_ID_BYTES) id = value.toString();
      else if (name === PUBLISHED_AT_HEADER) publishedAt = Number(value);
    }
    if (id !== undefined) found.push({ id, offset, timestamp, publishedAt });
  }
  return found;
}

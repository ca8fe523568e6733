import { InvalidMessageError } from '../errors.js';
import { BatchReader, readHeaders } from '../records/batch-reader.js';
import type { RecordHeaderInput } from '../records/batch-writer.js';

/** The header that stores {@link PublishMessage.id}. It is not listed among a message's `headers`. */
export const MESSAGE_ID_HEADER = 'genrocks-message-id';

/**
 * The header that stores when a message with an id was published, in milliseconds since 1970 as text. Only
 * set if the timestamp was set by hand, because the window of an id must not start at an arbitrary time.
 */
export const PUBLISHED_AT_HEADER = 'genrocks-published-at';

/** Matches an unpaired UTF-16 surrogate. */
const LONE_SURROGATE = /\p{Surrogate}/u;

const MAX_ID_BYTES = 256;
const ID_NAME = Buffer.from(MESSAGE_ID_HEADER);
const PUBLISHED_AT_NAME = Buffer.from(PUBLISHED_AT_HEADER);

/**
 * The headers for a message id.
 * @throws `INVALID_MESSAGE`
 */
export function idHeaders(id: string, timestamp: number, now: number): RecordHeaderInput[] {
  // An unpaired surrogate has no UTF-8 form: two different ids could become the same after a restart.
  if (typeof id !== 'string' || id === '' || LONE_SURROGATE.test(id)) {
    throw new InvalidMessageError(
      'id must be a string of at least one character, without unpaired surrogates',
    );
  }
  const value = Buffer.from(id);
  if (value.length > MAX_ID_BYTES) {
    throw new InvalidMessageError(`id has ${value.length} bytes of UTF-8, the limit is ${MAX_ID_BYTES}`);
  }
  const headers: RecordHeaderInput[] = [{ name: ID_NAME, value }];
  if (timestamp !== now) headers.push({ name: PUBLISHED_AT_NAME, value: Buffer.from(String(now)) });
  return headers;
}

/** A message id found in the log. */
export interface FoundId {
  readonly id: string;
  readonly offset: number;
  readonly timestamp: number;
  readonly publishedAt: number;
}

/**
 * The message ids in a batch, in record order.
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
      // A longer id can only come from a Kafka client. No publisher here can repeat it, and it would only
      // take up memory.
      if (name === MESSAGE_ID_HEADER && value.length <= MAX_ID_BYTES) id = value.toString();
      else if (name === PUBLISHED_AT_HEADER) publishedAt = Number(value);
    }
    if (id !== undefined) found.push({ id, offset, timestamp, publishedAt });
  }
  return found;
}

import { type Codec, jsonCodec } from '@genrocks/storage';
import { CheckedCodec } from './schema/checked-codec.js';
import { InvalidMessageError, MessageTooLargeError } from './errors.js';
import { idHeaders, MESSAGE_ID_HEADER, PUBLISHED_AT_HEADER } from './dedup/message-id.js';
import { METADATA_HEADER, type PublishMessage } from './message.js';
import {
  type RecordHeaderInput,
  type RecordInput,
  payloadBytes,
  recordBytes,
} from './records/batch-writer.js';

const NO_HEADERS: readonly RecordHeaderInput[] = Object.freeze([]);
const METADATA_NAME = Buffer.from(METADATA_HEADER);

/** Headers that are written from fields of a message. */
const RESERVED_HEADERS = new Map([
  [METADATA_HEADER, 'metadata'],
  [MESSAGE_ID_HEADER, 'id'],
  [PUBLISHED_AT_HEADER, 'id'],
]);

/** Bytes of a batch besides its records, rounded up. */
const BATCH_OVERHEAD = 64;

/** Limits on the size of a record. */
export interface RecordLimits {
  readonly maxMessageBytes: number;
  /** Largest value that the store accepts. */
  readonly maxValueBytes: number;
}

/**
 * Checks a message and turns it into bytes.
 * @throws `INVALID_MESSAGE`, `MESSAGE_TOO_LARGE`, `CODEC_FAILED`, `SCHEMA_VIOLATION`
 */
export function encodeMessage(
  message: PublishMessage,
  codec: Codec<unknown>,
  limits: RecordLimits,
  now: number,
): RecordInput {
  if (typeof message !== 'object' || message === null) {
    throw new InvalidMessageError('it must be an object with at least a value');
  }
  const { value, timestamp = now } = message;
  if (!Number.isSafeInteger(timestamp) || timestamp < 0 || timestamp > MAX_TIMESTAMP) {
    throw new InvalidMessageError(`timestamp must be milliseconds since 1970, not ${String(timestamp)}`);
  }
  const { id, headers, metadata } = message;
  const isPlain = headers === undefined && metadata === undefined && id === undefined;
  const record: RecordInput = {
    key: message.key === undefined || message.key === null ? null : bytesOf(message.key, 'key'),
    value: value === null ? null : value instanceof Uint8Array ? checked(value, codec) : codec.encode(value),
    headers: isPlain ? NO_HEADERS : encodeHeaders(message, timestamp, now),
    timestamp,
  };
  const bytes = payloadBytes(record);
  if (bytes > limits.maxMessageBytes) {
    throw new MessageTooLargeError('the message', bytes, limits.maxMessageBytes, 'maxMessageBytes');
  }
  if (recordBytes(record) + BATCH_OVERHEAD > limits.maxValueBytes) {
    throw new MessageTooLargeError('the message', bytes, limits.maxValueBytes - BATCH_OVERHEAD);
  }
  return id === undefined ? record : { ...record, id, publishedAt: now };
}

/** Far beyond the year 9999, and the difference of any two timestamps is still an exact number. */
const MAX_TIMESTAMP = 2 ** 51;

/** Bytes are stored unchanged, but must fit the schema too. */
function checked(bytes: Uint8Array, codec: Codec<unknown>): Uint8Array {
  if (codec instanceof CheckedCodec) codec.assert(bytes);
  return bytes;
}

function encodeHeaders(message: PublishMessage, timestamp: number, now: number): RecordHeaderInput[] {
  const { id } = message;
  const headers: RecordHeaderInput[] = id === undefined ? [] : idHeaders(id, timestamp, now);
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const field = RESERVED_HEADERS.get(name);
    if (field !== undefined) {
      throw new InvalidMessageError(`the header ${name} is reserved; use the field ${field}`);
    }
    headers.push({ name: Buffer.from(name), value: bytesOf(value, `header ${JSON.stringify(name)}`) });
  }
  const { metadata } = message;
  if (metadata !== undefined) {
    if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
      throw new InvalidMessageError('metadata must be a JSON object');
    }
    headers.push({ name: METADATA_NAME, value: jsonCodec.encode(metadata) });
  }
  return headers;
}

function bytesOf(value: unknown, what: string): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  throw new InvalidMessageError(
    `${what} must be a string or a Uint8Array, not ${value === null ? 'null' : typeof value}`,
  );
}

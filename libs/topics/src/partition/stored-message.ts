import { type Codec, CodecError, jsonCodec } from '@genrocks/storage';
import { MESSAGE_ID_HEADER, PUBLISHED_AT_HEADER } from '../dedup/message-id.js';
import { type Message, METADATA_HEADER } from '../message.js';
import { type RecordView, readHeaders } from '../records/batch-reader.js';

/** Fields of a message that are stored as headers. */
const OWN_HEADERS = new Set([METADATA_HEADER, MESSAGE_ID_HEADER, PUBLISHED_AT_HEADER]);

const NO_HEADERS: readonly (readonly [string, Buffer | null])[] = Object.freeze([]);

/**
 * A message over the bytes of its batch, decoded on access. Other readers may share the batch, so bytes are
 * handed out only as copies.
 */
export class StoredMessage<T> implements Message<T> {
  private decoded: { readonly value: T } | undefined;
  private allHeaders: readonly (readonly [string, Buffer | null])[] | undefined;

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly record: RecordView,
    private readonly codec: Codec<T>,
  ) {}

  get offset(): number {
    return this.record.offset;
  }

  get timestamp(): number {
    return this.record.timestamp;
  }

  get key(): string | null {
    const { buffer, keyAt, keyLength } = this.record;
    return keyLength < 0 ? null : buffer.toString('utf8', keyAt, keyAt + keyLength);
  }

  get keyBytes(): Buffer | null {
    const { keyAt, keyLength } = this.record;
    return this.copy(keyAt, keyLength);
  }

  get value(): T {
    return (this.decoded ??= { value: this.decode() }).value;
  }

  get valueBytes(): Buffer | null {
    const { valueAt, valueLength } = this.record;
    return this.copy(valueAt, valueLength);
  }

  get headers(): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    for (const [name, value] of this.readHeaders()) {
      if (OWN_HEADERS.has(name)) continue;
      // With plain assignment, a header named __proto__ would set the object's prototype.
      Object.defineProperty(headers, name, {
        value: value?.toString('utf8') ?? '',
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return headers;
  }

  get headerBytes(): readonly (readonly [string, Buffer | null])[] {
    return this.readHeaders().map(
      ([name, value]) => [name, value === null ? null : Buffer.from(value)] as const,
    );
  }

  get id(): string | null {
    return (
      this.readHeaders()
        .find(([name]) => name === MESSAGE_ID_HEADER)?.[1]
        ?.toString() ?? null
    );
  }

  get metadata(): Readonly<Record<string, unknown>> {
    const bytes = this.readHeaders().find(([name]) => name === METADATA_HEADER)?.[1];
    if (bytes === undefined || bytes === null) return {};
    const metadata = jsonCodec.decode(bytes);
    if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
      throw new CodecError(`the header ${METADATA_HEADER} does not hold a JSON object`);
    }
    return metadata as Record<string, unknown>;
  }

  /** The form that loggers and JSON.stringify show. */
  toJSON(): Record<string, unknown> {
    const { topic, partition, offset, timestamp, key, value, headers, id, metadata } = this;
    const named = id === null ? {} : { id };
    return { topic, partition, offset, timestamp, key, value, headers, ...named, metadata };
  }

  private decode(): T {
    const bytes = this.valueBytes;
    return bytes === null ? (null as T) : this.codec.decode(bytes);
  }

  private readHeaders(): readonly (readonly [string, Buffer | null])[] {
    const { buffer, headersAt } = this.record;
    // A single zero byte means no headers, the usual case.
    return (this.allHeaders ??= buffer[headersAt] === 0 ? NO_HEADERS : readHeaders(this.record));
  }

  private copy(at: number, length: number): Buffer | null {
    return length < 0 ? null : Buffer.from(this.record.buffer.subarray(at, at + length));
  }
}

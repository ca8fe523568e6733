import type { BytesLike } from '@genrocks/storage';

/** A message to publish. */
export interface PublishMessage<T = unknown> {
  /** Messages of one key go to one partition (with the default routing) and keep their order. Strings are UTF-8. */
  key?: BytesLike | null;
  /** Encoded by the topic's codec. A Uint8Array is stored as it is; null is a tombstone, as in Kafka. */
  value: T | Uint8Array | null;
  /** Headers by name; strings are stored as UTF-8. Default: none. */
  headers?: Readonly<Record<string, BytesLike>>;
  /** The partition to publish to. Default: the topic's routing chooses. */
  partition?: number;
  /** Milliseconds since 1970. Default: now. */
  timestamp?: number;
  /**
   * Identifies the message, so that publishing it again stores nothing: in a topic with `dedup`, a repeat of the id within
   * the window resolves to the place of the first. 1 to 256 bytes of UTF-8. Stored in the header `genrocks-message-id`,
   * even if the topic has no `dedup`.
   */
  id?: string;
  /** Any JSON object, stored beside the value. Kafka clients see it as the header `genrocks-metadata`. */
  metadata?: Readonly<Record<string, unknown>>;
}

/** Where a message was stored. */
export interface PublishResult {
  /** Name of the topic. */
  readonly topic: string;
  /** The partition that the message went to. */
  readonly partition: number;
  /** Identifies the message in its partition for ever. */
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** A message with the same `id` exists: this is its place, and nothing was stored. */
  readonly duplicate?: true;
}

/** A stored message. Its fields are decoded when first accessed. */
export interface Message<T = unknown> {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** Identifies the message in its partition for ever. */
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** The key as UTF-8, null if there is none. */
  readonly key: string | null;
  /** The key's bytes, a copy of the reader's own. */
  readonly keyBytes: Buffer | null;
  /**
   * The value as the topic's codec decodes it, null for a tombstone.
   * @throws `CODEC_FAILED` for bytes the codec cannot read, `SCHEMA_VIOLATION`
   */
  readonly value: T;
  /** The value's bytes, a copy of the reader's own. */
  readonly valueBytes: Buffer | null;
  /** Headers as UTF-8 text; of several with one name, the last. A header without a value is an empty string. */
  readonly headers: Readonly<Record<string, string>>;
  /** All headers in order, as bytes. */
  readonly headerBytes: readonly (readonly [string, Buffer | null])[];
  /** The `id` its publisher gave it, null if it has none. */
  readonly id: string | null;
  /** The `metadata` its publisher gave it; empty if there is none. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The header that carries {@link PublishMessage.metadata}; `headers` does not include it. */
export const METADATA_HEADER = 'genrocks-metadata';

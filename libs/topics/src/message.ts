import type { BytesLike } from '@genrocks/storage';

/** A message to publish. */
export interface PublishMessage<T = unknown> {
  /** Messages of one key go to one partition (with `key_hash`) and keep their order. Strings are UTF-8. */
  key?: BytesLike | null;
  /** Encoded by the topic's codec; a Uint8Array goes as it is; null is a tombstone, as in Kafka. */
  value: T | Uint8Array | null;
  /** By name; strings are kept as UTF-8. Default: none. */
  headers?: Readonly<Record<string, BytesLike>>;
  /** An explicit partition; default: the topic's routing chooses. */
  partition?: number;
  /** Milliseconds since 1970. Default: now. */
  timestamp?: number;
  /**
   * Names the message, so that publishing it again stores nothing new: a topic with `dedup` answers a repeat of an id
   * within its window with the place of the first. 1 to 256 bytes of UTF-8. Carried in the header
   * `genrocks-message-id`, also where the topic has no `dedup`.
   */
  id?: string;
  /** Any JSON object, carried beside the value; other Kafka clients see it as the header `genrocks-metadata`. */
  metadata?: Readonly<Record<string, unknown>>;
}

/** Where a message was stored. */
export interface PublishResult {
  /** Name of the topic. */
  readonly topic: string;
  /** The partition that the message went to. */
  readonly partition: number;
  /** Names the message in its partition for ever. */
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** A message with the same `id` was there already: this is its place, and nothing was stored. */
  readonly duplicate?: true;
}

/** A message as it was stored. Its fields are decoded when they are first asked for. */
export interface Message<T = unknown> {
  /** Name of the topic. */
  readonly topic: string;
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** Names the message in its partition for ever. */
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** The key as UTF-8, null where there is none. */
  readonly key: string | null;
  /** The key's bytes, a copy of the reader's own. */
  readonly keyBytes: Buffer | null;
  /** The value through the topic's codec, null for a tombstone. Throws `CODEC_FAILED` for bytes it cannot read. */
  readonly value: T;
  /** The value's bytes, a copy of the reader's own. */
  readonly valueBytes: Buffer | null;
  /** Headers as UTF-8 text (of several with one name, the last). A header without a value is an empty string. */
  readonly headers: Readonly<Record<string, string>>;
  /** Every header in order, as bytes. */
  readonly headerBytes: readonly (readonly [string, Buffer | null])[];
  /** What its publisher named it, null where it has no name. */
  readonly id: string | null;
  /** Facts beside the value that the publisher gave; empty for none. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The header that carries {@link PublishMessage.metadata}; it does not show among `headers`. */
export const METADATA_HEADER = 'genrocks-metadata';

import type { Allocate } from '@genrocks/storage';
import type { Message } from '../message.js';

/** A wait for data: ends when there is some, after `waitMs`, or when the signal says so, whatever is first. */
export interface WaitOptions {
  /** Milliseconds to wait for data where there is none. Default 0: answer at once. */
  waitMs?: number;
  /** Ends the wait early; the read then returns with what is there. */
  signal?: AbortSignal;
}

/** Which batches of a partition to read, and how long to wait for the first. */
export interface ReadBatchesOptions extends WaitOptions {
  /** First offset wanted. The first batch may begin below it. */
  offset: number;
  /** Stop before passing this size, in bytes; at least one batch is always given. Default 1 MiB, at most 64 MiB. */
  maxBytes?: number;
  /** With `waitMs`: wait until there is this much, in bytes. Default 1. */
  minBytes?: number;
  /**
   * Where batches may be read to. They are good for as long as that memory is. Default: memory of their own.
   */
  allocate?: Allocate;
}

/** Record batches of a partition, as they are stored. */
export interface ReadBatchesResult {
  /** Record batches v2 in offset order, base offsets set. */
  readonly batches: Buffer[];
  /** Where to read on. */
  readonly nextOffset: number;
  /** The offset the next record will get. */
  readonly endOffset: number;
  /** Earliest offset readable. */
  readonly startOffset: number;
}

/** Which messages of a partition to read, and how long to wait for the first. */
export interface ReadMessagesOptions extends WaitOptions {
  /** The first offset to read. */
  offset: number;
  /** At most this many messages. Default 1,000. */
  limit?: number;
  /** Stop after about this many bytes of batches. Default 1 MiB. */
  maxBytes?: number;
}

/** Messages of a partition, and where to read on. */
export interface ReadMessagesResult<T = unknown> {
  /** In the order of their offsets; empty where none came in time. */
  readonly messages: Message<T>[];
  /** Where to read on: past the last message given. */
  readonly nextOffset: number;
  /** The offset that the next message published will have. */
  readonly endOffset: number;
  /** Earliest offset readable. */
  readonly startOffset: number;
}

/** The first record, in the order of offsets, that is not before a time. */
export interface OffsetForTimestamp {
  /** Its offset. */
  readonly offset: number;
  /**
   * Its own time, in milliseconds since 1970; of a batch that cannot be unpacked, or has no such record though its header
   * says so, what the header states.
   */
  readonly timestamp: number;
}

/** `failed`: its store could not be opened. */
export type PartitionState = 'open' | 'failed' | 'closed';

/** A partition's offsets and state. */
export interface PartitionDescription {
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** Whether its store is open. */
  readonly state: PartitionState;
  /** Earliest offset readable. */
  readonly startOffset: number;
  /** The offset that the next message published will have. */
  readonly endOffset: number;
  /** Why the partition is not open. */
  readonly error?: { readonly code: string; readonly message: string };
}

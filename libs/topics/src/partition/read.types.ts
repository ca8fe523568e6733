import type { Allocate } from '@genrocks/storage';
import type { Message } from '../message.js';

/** A wait for data: ends when there is some, after `waitMs`, or when the signal says so, whatever is first. */
export interface WaitOptions {
  /** Milliseconds to wait for data where there is none. Default 0: answer at once. */
  waitMs?: number;
  /** Ends the wait early; the read then returns with what is there. */
  signal?: AbortSignal;
}

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

export interface ReadBatchesResult {
  /** Record batches v2 in offset order, base offsets set. */
  readonly batches: Buffer[];
  /** Where to read on. */
  readonly nextOffset: number;
  /** The offset the next record will get. */
  readonly endOffset: number;
  readonly startOffset: number;
}

export interface ReadMessagesOptions extends WaitOptions {
  offset: number;
  /** At most this many messages. Default 1,000. */
  limit?: number;
  /** Stop after about this many bytes of batches. Default 1 MiB. */
  maxBytes?: number;
}

export interface ReadMessagesResult<T = unknown> {
  readonly messages: Message<T>[];
  /** Where to read on: past the last message given. */
  readonly nextOffset: number;
  readonly endOffset: number;
  readonly startOffset: number;
}

export interface OffsetForTimestamp {
  readonly offset: number;
  readonly timestamp: number;
}

export type PartitionState = 'open' | 'failed' | 'closed';

export interface PartitionDescription {
  readonly partition: number;
  readonly state: PartitionState;
  readonly startOffset: number;
  readonly endOffset: number;
  /** Why the partition is not open. */
  readonly error?: { readonly code: string; readonly message: string };
}

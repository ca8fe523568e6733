import type { Allocate } from '@genrocks/storage';
import type { Message } from '../message.js';

/**
 * How long to wait for data. The wait ends when data arrives, after `waitMs`, or when the signal aborts,
 * whichever comes first.
 */
export interface WaitOptions {
  /** How long to wait if there is no data, in milliseconds. Default 0: return at once. */
  waitMs?: number;
  /** Ends the wait early; the read then returns what is there. */
  signal?: AbortSignal;
}

/** Which batches of a partition to read, and how long to wait for data. */
export interface ReadBatchesOptions extends WaitOptions {
  /** The first offset to read. The first batch may start below it. */
  offset: number;
  /** Most bytes to return, though always at least one batch. Default 1 MiB, at most 64 MiB. */
  maxBytes?: number;
  /** With `waitMs`: wait until this many bytes are available. Default 1. */
  minBytes?: number;
  /**
   * Allocates the memory that batches may be read into. They are valid only as long as that memory is.
   * Default: the batches get memory of their own.
   */
  allocate?: Allocate;
}

/** Record batches of a partition, as stored. */
export interface ReadBatchesResult {
  /** Record batches (version 2) in offset order, with their base offsets set. */
  readonly batches: Buffer[];
  /** The offset to continue reading at. */
  readonly nextOffset: number;
  /** The offset the next record will get. */
  readonly endOffset: number;
  /** The lowest offset that can be read. */
  readonly startOffset: number;
}

/** Which messages of a partition to read, and how long to wait for data. */
export interface ReadMessagesOptions extends WaitOptions {
  /** The first offset to read. */
  offset: number;
  /** Most messages to return. Default 1,000. */
  limit?: number;
  /** Approximate number of batch bytes to read. Default 1 MiB. */
  maxBytes?: number;
}

/** Messages of a partition, and where to continue. */
export interface ReadMessagesResult<T = unknown> {
  /** Messages in offset order; empty if none arrived in time. */
  readonly messages: Message<T>[];
  /** The offset to continue reading at, past everything that was read. */
  readonly nextOffset: number;
  /** The offset the next published message will get. */
  readonly endOffset: number;
  /** The lowest offset that can be read. */
  readonly startOffset: number;
}

/** The first record, in offset order, that is not before a time. */
export interface OffsetForTimestamp {
  /** Offset of the record. */
  readonly offset: number;
  /**
   * Timestamp of the record, in milliseconds since 1970. If its batch cannot be unpacked, or has no such
   * record although its header says so: the timestamp in the header.
   */
  readonly timestamp: number;
}

/** State of a partition. `failed`: its store could not be opened. */
export type PartitionState = 'open' | 'failed' | 'closed';

/** A partition's offsets and state. */
export interface PartitionDescription {
  /** Number of the partition, from 0. */
  readonly partition: number;
  /** Whether its store is open. */
  readonly state: PartitionState;
  /** The lowest offset that can be read. */
  readonly startOffset: number;
  /** The offset the next published message will get. */
  readonly endOffset: number;
  /** Why the partition is not open. */
  readonly error?: { readonly code: string; readonly message: string };
}

import { BATCH_HEADER_BYTES, writeBatchHeader } from './batch-header.js';
import type { ScratchPool } from './scratch-pool.js';
import { varintSize, writeVarint } from './varint.js';

/** A record ready to be packed: everything is encoded. */
export interface RecordInput {
  /** Null for none. */
  readonly key: Uint8Array | null;
  /** Null for a tombstone. */
  readonly value: Uint8Array | null;
  /** Headers in the order they are written; names may repeat. */
  readonly headers: readonly RecordHeaderInput[];
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** The message's id, which is also among its headers. */
  readonly id?: string;
  /** With `id`: when the message was published, in milliseconds since 1970. Default: `timestamp`. */
  readonly publishedAt?: number;
}

/** A header of a record. */
export interface RecordHeaderInput {
  /** UTF-8. */
  readonly name: Uint8Array;
  /** Null for none. */
  readonly value: Uint8Array | null;
}

/**
 * Most bytes the numbers of a record can take: length, attributes, timestamp and offset deltas, key and value
 * lengths, header count.
 */
const MAX_RECORD_OVERHEAD = 5 + 1 + 8 + 5 + 5 + 5 + 5;

const NO_VALUE = -1;

/** Upper bound of a record's size inside a batch, in bytes. */
export function recordBytes(record: RecordInput): number {
  return MAX_RECORD_OVERHEAD + payloadBytes(record);
}

/** Bytes of key, value and headers; for headers, an upper bound that includes their length fields. */
export function payloadBytes(record: RecordInput): number {
  let bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
  const { headers } = record;
  if (headers.length === 0) return bytes;
  for (const header of headers) bytes += 10 + header.name.length + (header.value?.length ?? 0);
  return bytes;
}

/** A copy that shares no bytes with its source. */
export function copyRecord(record: RecordInput): RecordInput {
  const copy = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes));
  return {
    ...record,
    key: copy(record.key),
    value: copy(record.value),
    headers: record.headers.map(({ name, value }) => ({ name, value: copy(value) })),
  };
}

/**
 * Packs records into one batch, one by one and without an intermediate form. Offsets inside a batch are
 * relative, so the base offset is needed only at the end.
 */
export class BatchWriter {
  private buffer: Buffer;
  /** The buffer belongs to the pool and goes back to it. */
  private borrowed: boolean;
  private position = BATCH_HEADER_BYTES;
  private baseTimestamp = 0;
  private maxTimestamp = 0;
  /** Records written so far. */
  count = 0;

  /**
   * @param sizeHint expected size in bytes, used if the pool has no buffer; the buffer grows if it is too
   *   small
   */
  constructor(
    sizeHint: number,
    private readonly pool?: ScratchPool,
  ) {
    const scratch = sizeHint <= (pool?.bytes ?? 0) ? pool?.take() : undefined;
    this.borrowed = scratch !== undefined;
    this.buffer = scratch ?? allocate(Math.max(sizeHint, BATCH_HEADER_BYTES));
  }

  /** Bytes of the batch so far, header included. */
  get bytes(): number {
    return this.position;
  }

  /**
   * Copies a record in.
   * @param bound its size by {@link recordBytes}
   */
  append(record: RecordInput, bound: number): void {
    if (this.position + bound > this.buffer.length) this.grow(this.position + bound);
    if (this.count === 0) this.baseTimestamp = this.maxTimestamp = record.timestamp;
    else if (record.timestamp > this.maxTimestamp) this.maxTimestamp = record.timestamp;

    const timestampDelta = record.timestamp - this.baseTimestamp;
    const length = bodySize(record, timestampDelta, this.count);
    const { buffer } = this;
    let at = writeVarint(buffer, this.position, length);
    buffer[at++] = 0;
    at = writeVarint(buffer, at, timestampDelta);
    at = writeVarint(buffer, at, this.count);
    at = writeBytes(buffer, at, record.key);
    at = writeBytes(buffer, at, record.value);
    at = writeHeaders(buffer, at, record.headers);
    this.position = at;
    this.count++;
  }

  /** Finishes the batch. The writer must not be used afterwards. */
  finish(baseOffset: number): Buffer {
    // Copy if more than a quarter of the batch's size is slack, or whoever keeps the batch would keep the
    // slack too.
    const slack = this.buffer.length > this.position + (this.position >> 2);
    let batch = this.buffer.subarray(0, this.position);
    if (this.borrowed || slack) {
      batch = allocate(this.position);
      this.buffer.copy(batch, 0, 0, this.position);
    }
    this.giveBack();
    const { count, baseTimestamp, maxTimestamp } = this;
    writeBatchHeader(batch, { baseOffset, count, baseTimestamp, maxTimestamp });
    return batch;
  }

  private grow(needed: number): void {
    const larger = allocate(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.position);
    this.giveBack();
    this.buffer = larger;
  }

  private giveBack(): void {
    if (this.borrowed) this.pool!.give(this.buffer);
    this.borrowed = false;
  }
}

/**
 * Small buffers come from Node's pool, which is fast. Large ones do not, or a batch that is kept would pin
 * the pool.
 */
function allocate(bytes: number): Buffer {
  return bytes <= 2048 ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes);
}

function bodySize(record: RecordInput, timestampDelta: number, offsetDelta: number): number {
  let size =
    1 +
    varintSize(timestampDelta) +
    varintSize(offsetDelta) +
    bytesSize(record.key) +
    bytesSize(record.value) +
    varintSize(record.headers.length);
  const { headers } = record;
  if (headers.length === 0) return size;
  for (const header of headers) size += bytesSize(header.name) + bytesSize(header.value);
  return size;
}

function bytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

function writeHeaders(buffer: Buffer, position: number, headers: readonly RecordHeaderInput[]): number {
  let at = writeVarint(buffer, position, headers.length);
  // Most messages have no headers, and even an empty loop creates an iterator.
  if (headers.length === 0) return at;
  for (const header of headers) {
    at = writeBytes(buffer, at, header.name);
    at = writeBytes(buffer, at, header.value);
  }
  return at;
}

function writeBytes(buffer: Buffer, position: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(buffer, position, NO_VALUE);
  const at = writeVarint(buffer, position, bytes.length);
  buffer.set(bytes, at);
  return at + bytes.length;
}

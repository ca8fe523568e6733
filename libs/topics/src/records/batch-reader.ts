import { CorruptBatchError } from '../errors.js';
import { BATCH_HEADER_BYTES, type BatchHeader, checkCrc, readBatchHeader } from './batch-header.js';
import { decompress } from './compression.js';
import { VarintReader } from './varint.js';

/** Shortest possible record: length, attributes, two deltas, key, value and header count of one byte each. */
const MIN_RECORD_BYTES = 7;

/** Where the parts of one record lie in `buffer`. A length of -1 is null. */
export interface RecordView {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly timestamp: number;
  readonly keyAt: number;
  readonly keyLength: number;
  readonly valueAt: number;
  readonly valueLength: number;
  /** The header count and the headers behind it. */
  readonly headersAt: number;
  readonly end: number;
}

export interface DecodeOptions {
  /** Compare the checksum first. Default true. */
  verify?: boolean;
}

/**
 * Walks the records of one batch. Bytes are looked at record by record, never past the batch, and nothing is
 * copied.
 */
export class BatchReader {
  readonly header: BatchHeader;
  private readonly varints: VarintReader;
  private read = 0;

  /** @throws `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION` */
  constructor(batch: Buffer, options: DecodeOptions = {}) {
    this.header = readBatchHeader(batch);
    if (options.verify !== false) checkCrc(batch);
    const { compression, count } = this.header;
    const isPlain = compression === 'none';
    const records = isPlain ? batch : decompress(compression, batch.subarray(BATCH_HEADER_BYTES));
    this.varints = new VarintReader(records);
    this.varints.position = isPlain ? BATCH_HEADER_BYTES : 0;
    this.varints.end = records.length;
    const bytes = records.length - this.varints.position;
    if (count * MIN_RECORD_BYTES > bytes) {
      throw new CorruptBatchError(`${count} records do not fit in ${bytes} bytes`);
    }
  }

  /**
   * The next record, or undefined behind the last.
   * @throws {CorruptBatchError} `CORRUPT_BATCH`
   */
  next(): RecordView | undefined {
    const { varints, header } = this;
    if (this.read >= header.count) {
      if (varints.position !== varints.end)
        throw new CorruptBatchError('there are bytes behind its last record');
      return undefined;
    }
    const limit = varints.end;
    const length = varints.varint();
    const end = varints.position + length;
    if (length < MIN_RECORD_BYTES - 1 || end > limit) {
      throw new CorruptBatchError(`record ${this.read} says it has ${length} bytes`);
    }
    varints.end = end;
    varints.position++; // record attributes: unused in version 2
    const timestampDelta = varints.varint();
    const offsetDelta = varints.varint();
    if (offsetDelta < 0 || offsetDelta > header.lastOffsetDelta) {
      throw new CorruptBatchError(`record ${this.read} has offset delta ${offsetDelta}`);
    }
    const keyLength = varints.varint();
    const keyAt = this.skip(keyLength);
    const valueLength = varints.varint();
    const valueAt = this.skip(valueLength);
    const headersAt = varints.position;
    varints.position = end;
    varints.end = limit;
    this.read++;
    return {
      buffer: varints.buffer,
      offset: header.baseOffset + offsetDelta,
      timestamp: header.logAppendTime ? header.maxTimestamp : header.baseTimestamp + timestampDelta,
      keyAt,
      keyLength,
      valueAt,
      valueLength,
      headersAt,
      end,
    };
  }

  private skip(length: number): number {
    const at = this.varints.position;
    if (length < -1 || at + length > this.varints.end) {
      throw new CorruptBatchError(`record ${this.read} has a field of ${length} bytes`);
    }
    if (length > 0) this.varints.position = at + length;
    return at;
  }
}

/**
 * The headers of a record in order.
 * @throws {CorruptBatchError} `CORRUPT_BATCH`
 */
export function readHeaders(record: RecordView): [string, Buffer | null][] {
  const varints = new VarintReader(record.buffer);
  varints.position = record.headersAt;
  varints.end = record.end;
  const count = varints.varint();
  // Two bytes are the least a header takes; a hostile count must not make us allocate.
  if (count < 0 || count * 2 > varints.end - varints.position) {
    throw new CorruptBatchError(`a record says it has ${count} headers`);
  }
  const headers: [string, Buffer | null][] = [];
  for (let i = 0; i < count; i++) {
    const name = readField(varints);
    if (name === null) throw new CorruptBatchError('a header has no name');
    headers.push([name.toString('utf8'), readField(varints)]);
  }
  if (varints.position !== varints.end) throw new CorruptBatchError('there are bytes behind the last header');
  return headers;
}

function readField(varints: VarintReader): Buffer | null {
  const length = varints.varint();
  if (length === -1) return null;
  const at = varints.position;
  if (length < -1 || at + length > varints.end) {
    throw new CorruptBatchError(`a header has a field of ${length} bytes`);
  }
  varints.position = at + length;
  return varints.buffer.subarray(at, varints.position);
}

/**
 * Checks a batch that came from outside in full, so that no reader stumbles over it later: framing, checksum, and
 * (where it is not compressed) every record. Compressed records are stored unseen, as they came.
 * @throws {CorruptBatchError} `CORRUPT_BATCH`
 */
export function validateBatch(batch: Buffer): BatchHeader {
  const header = readBatchHeader(batch);
  checkCrc(batch);
  if (header.count === 0) throw new CorruptBatchError('it has no records');
  if (header.lastOffsetDelta !== header.count - 1) {
    throw new CorruptBatchError(
      `${header.count} records, but the last has offset delta ${header.lastOffsetDelta}`,
    );
  }
  if (!Number.isSafeInteger(header.baseTimestamp) || !Number.isSafeInteger(header.maxTimestamp)) {
    throw new CorruptBatchError('its timestamps are out of range');
  }
  if (header.compression !== 'none') return header;
  checkRecords(batch, header.count);
  return header;
}

/** What {@link BatchReader} and {@link readHeaders} would find wrong, without making anything of the records. */
function checkRecords(batch: Buffer, count: number): void {
  const varints = new VarintReader(batch);
  varints.position = BATCH_HEADER_BYTES;
  varints.end = batch.length;
  for (let i = 0; i < count; i++) {
    const length = varints.varint();
    const end = varints.position + length;
    if (length < MIN_RECORD_BYTES - 1 || end > batch.length) {
      throw new CorruptBatchError(`record ${i} says it has ${length} bytes`);
    }
    varints.end = end;
    varints.position++; // record attributes
    varints.varint(); // timestamp
    if (varints.varint() !== i) throw new CorruptBatchError('its offset deltas are not 0, 1, 2, ...');
    skipField(varints, i);
    skipField(varints, i);
    const headers = varints.varint();
    if (headers < 0 || headers * 2 > end - varints.position) {
      throw new CorruptBatchError(`record ${i} says it has ${headers} headers`);
    }
    for (let header = 0; header < headers; header++) {
      if (skipField(varints, i) < 0) throw new CorruptBatchError(`a header of record ${i} has no name`);
      skipField(varints, i);
    }
    if (varints.position !== end) throw new CorruptBatchError(`there are bytes behind record ${i}`);
    varints.end = batch.length;
  }
  if (varints.position !== batch.length)
    throw new CorruptBatchError('there are bytes behind its last record');
}

/** Passes over bytes that may be null; answers their length, -1 for null. */
function skipField(varints: VarintReader, record: number): number {
  const length = varints.varint();
  const end = varints.position + Math.max(length, 0);
  if (length < -1 || end > varints.end) {
    throw new CorruptBatchError(`record ${record} has a field of ${length} bytes`);
  }
  varints.position = end;
  return length;
}

import { CorruptBatchError } from '../errors.js';
import { BATCH_HEADER_BYTES, type BatchHeader, checkCrc, readBatchHeader } from './batch-header.js';
import { decompress } from './compression.js';
import { MIN_RECORD_BYTES, RecordWalker, walkHeaders } from './record-walker.js';
import { VarintReader } from './varint.js';

/** Positions of the parts of one record in `buffer`. A length of -1 means null. */
export interface RecordView {
  /** The unpacked records, which the positions refer to. */
  readonly buffer: Buffer;
  /** Offset of the record in the partition. */
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** Start of the key. */
  readonly keyAt: number;
  /** Length of the key in bytes; -1 for none. */
  readonly keyLength: number;
  /** Start of the value. */
  readonly valueAt: number;
  /** Length of the value in bytes; -1 for a tombstone. */
  readonly valueLength: number;
  /** Position of the header count, followed by the headers. */
  readonly headersAt: number;
  /** End of the record. */
  readonly end: number;
}

/** How to read a batch. */
export interface DecodeOptions {
  /** Check the checksum first. Default true. */
  verify?: boolean;
}

/** Walks the records of one batch, one at a time and never past its end. Copies nothing. */
export class BatchReader {
  /** The header of the batch. */
  readonly header: BatchHeader;
  private readonly walker: RecordWalker;
  private read = 0;

  /**
   * Reads the header and unpacks the records.
   * @throws `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION`
   */
  constructor(batch: Buffer, options: DecodeOptions = {}) {
    this.header = readBatchHeader(batch);
    if (options.verify !== false) checkCrc(batch);
    const { compression, count } = this.header;
    const isPlain = compression === 'none';
    const records = isPlain ? batch : decompress(compression, batch.subarray(BATCH_HEADER_BYTES));
    const begin = isPlain ? BATCH_HEADER_BYTES : 0;
    this.walker = new RecordWalker(records, begin);
    const bytes = records.length - begin;
    if (count * MIN_RECORD_BYTES > bytes) {
      throw new CorruptBatchError(`${count} records do not fit in ${bytes} bytes`);
    }
  }

  /**
   * The next record, or undefined after the last.
   * @throws {CorruptBatchError} `CORRUPT_BATCH`
   */
  next(): RecordView | undefined {
    const { walker, header } = this;
    if (this.read >= header.count) {
      if (!walker.isAtEnd) throw new CorruptBatchError('there are bytes after its last record');
      return undefined;
    }
    walker.next();
    const { offsetDelta, timestampDelta } = walker;
    if (offsetDelta < 0 || offsetDelta > header.lastOffsetDelta) {
      throw new CorruptBatchError(`record ${this.read} has offset delta ${offsetDelta}`);
    }
    this.read++;
    return {
      buffer: walker.buffer,
      offset: header.baseOffset + offsetDelta,
      timestamp: header.logAppendTime ? header.maxTimestamp : header.baseTimestamp + timestampDelta,
      keyAt: walker.keyAt,
      keyLength: walker.keyLength,
      valueAt: walker.valueAt,
      valueLength: walker.valueLength,
      headersAt: walker.headersAt,
      end: walker.end,
    };
  }
}

/**
 * The headers of a record, in order.
 * @throws {CorruptBatchError} `CORRUPT_BATCH`
 */
export function readHeaders(record: RecordView): [string, Buffer | null][] {
  const varints = new VarintReader(record.buffer);
  varints.position = record.headersAt;
  varints.end = record.end;
  const { buffer } = record;
  const headers: [string, Buffer | null][] = [];
  walkHeaders(varints, (nameAt, nameLength, valueAt, valueLength) => {
    const value = valueLength < 0 ? null : buffer.subarray(valueAt, valueAt + valueLength);
    headers.push([buffer.toString('utf8', nameAt, nameAt + nameLength), value]);
  });
  return headers;
}

/**
 * Validates a batch from outside, so that no reader fails on it later: framing, checksum and, if it is not
 * compressed, every record. Compressed records are not checked.
 * @throws {CorruptBatchError} `CORRUPT_BATCH`
 */
export function validateBatch(batch: Buffer): BatchHeader {
  const header = readBatchHeader(batch);
  checkCrc(batch);
  if (header.count === 0) throw new CorruptBatchError('it has no records');
  if (header.lastOffsetDelta !== header.count - 1) {
    throw new CorruptBatchError(
      `it has ${header.count} records, but its last offset delta is ${header.lastOffsetDelta}`,
    );
  }
  if (!Number.isSafeInteger(header.baseTimestamp) || !Number.isSafeInteger(header.maxTimestamp)) {
    throw new CorruptBatchError('its timestamps are out of range');
  }
  if (header.compression !== 'none') return header;
  checkRecords(batch, header.count);
  return header;
}

/** Checks every record, including its headers. */
function checkRecords(batch: Buffer, count: number): void {
  const walker = new RecordWalker(batch, BATCH_HEADER_BYTES);
  for (let i = 0; i < count; i++) {
    walker.next();
    if (walker.offsetDelta !== i) throw new CorruptBatchError('its offset deltas are not 0, 1, 2, ...');
    walker.checkHeaders();
  }
  if (!walker.isAtEnd) throw new CorruptBatchError('there are bytes after its last record');
}

import { CorruptBatchError } from '../errors.js';
import { BATCH_HEADER_BYTES, type BatchHeader, checkCrc, readBatchHeader } from './batch-header.js';
import { decompress } from './compression.js';
import { MIN_RECORD_BYTES, RecordWalker, walkHeaders } from './record-walker.js';
import { VarintReader } from './varint.js';

/** Where the parts of one record lie in `buffer`. A length of -1 is null. */
export interface RecordView {
  /** The unpacked records that the positions are in. */
  readonly buffer: Buffer;
  /** Its offset in the partition. */
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** Where the key begins. */
  readonly keyAt: number;
  /** Bytes of the key; -1 for none. */
  readonly keyLength: number;
  /** Where the value begins. */
  readonly valueAt: number;
  /** Bytes of the value; -1 for a tombstone. */
  readonly valueLength: number;
  /** The header count and the headers after it. */
  readonly headersAt: number;
  /** Where the record ends. */
  readonly end: number;
}

/** How a batch is read. */
export interface DecodeOptions {
  /** Compare the checksum first. Default true. */
  verify?: boolean;
}

/**
 * Walks the records of one batch. Bytes are looked at record by record, never past the batch, and nothing is
 * copied.
 */
export class BatchReader {
  /** What the batch says of itself. */
  readonly header: BatchHeader;
  private readonly walker: RecordWalker;
  private read = 0;

  /** @throws `CORRUPT_BATCH`, `UNSUPPORTED_COMPRESSION` */
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
      if (!walker.isAtEnd) throw new CorruptBatchError('there are bytes behind its last record');
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
 * The headers of a record in order.
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

/** Nobody who reads the records later finds anything wrong with them. */
function checkRecords(batch: Buffer, count: number): void {
  const walker = new RecordWalker(batch, BATCH_HEADER_BYTES);
  for (let i = 0; i < count; i++) {
    walker.next();
    if (walker.offsetDelta !== i) throw new CorruptBatchError('its offset deltas are not 0, 1, 2, ...');
    walker.checkHeaders();
  }
  if (!walker.isAtEnd) throw new CorruptBatchError('there are bytes behind its last record');
}

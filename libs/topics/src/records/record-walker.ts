import { CorruptBatchError } from '../errors.js';
import { VarintReader } from './varint.js';

/** Shortest possible record: length, attributes, two deltas, key, value and header count of one byte each. */
export const MIN_RECORD_BYTES = 7;

/**
 * Walks consecutive records, never past the end of the buffer. It locates the parts of the current record without
 * decoding them.
 *
 * ```
 * record => length attributes timestamp_delta offset_delta key value header_count [name value]
 * ```
 * Attributes are one byte, unused in version 2. Everything else is a zigzag varint, or bytes preceded by their
 * length as a varint. A length of -1 means null.
 */
export class RecordWalker {
  timestampDelta = 0;
  offsetDelta = 0;
  keyAt = 0;
  keyLength = 0;
  valueAt = 0;
  valueLength = 0;
  /** Position of the header count, followed by the headers. */
  headersAt = 0;
  /** End of the record, where the next one starts. */
  end: number;
  private readonly varints: VarintReader;
  private walked = 0;

  /** @param begin start of the first record; the last one ends with the buffer */
  constructor(
    readonly buffer: Buffer,
    begin: number,
  ) {
    this.varints = new VarintReader(buffer);
    this.end = begin;
  }

  /** Whether the record is the last one in the buffer. */
  get isAtEnd(): boolean {
    return this.end === this.buffer.length;
  }

  /**
   * Moves to the next record.
   * @throws {CorruptBatchError} `CORRUPT_BATCH` if the record exceeds the buffer, or its parts exceed the
   *   record
   */
  next(): void {
    const { varints, buffer } = this;
    varints.position = this.end;
    varints.end = buffer.length;
    const length = varints.varint();
    const end = varints.position + length;
    if (length < MIN_RECORD_BYTES - 1 || end > buffer.length) {
      throw new CorruptBatchError(`record ${this.walked} has an invalid length of ${length} bytes`);
    }
    varints.end = end;
    varints.position++; // attributes
    this.timestampDelta = varints.varint();
    this.offsetDelta = varints.varint();
    this.keyLength = varints.field();
    this.keyAt = startOf(varints, this.keyLength);
    this.valueLength = varints.field();
    this.valueAt = startOf(varints, this.valueLength);
    this.headersAt = varints.position;
    this.end = end;
    this.walked++;
  }

  /**
   * Checks the headers of the record.
   * @throws {CorruptBatchError} `CORRUPT_BATCH` if they do not exactly fill the rest of the record
   */
  checkHeaders(): void {
    walkHeaders(this.varints);
  }
}

/** Called with each header. A negative `valueLength` means null. */
type HeaderVisitor = (nameAt: number, nameLength: number, valueAt: number, valueLength: number) => void;

/**
 * Walks the headers of one record, which end where the window ends.
 * @throws {CorruptBatchError} `CORRUPT_BATCH`
 */
export function walkHeaders(varints: VarintReader, visit?: HeaderVisitor): void {
  const count = varints.varint();
  // A header takes at least two bytes. The check keeps a hostile count from causing large allocations.
  if (count < 0 || count * 2 > varints.end - varints.position) {
    throw new CorruptBatchError(`a record has an invalid header count of ${count}`);
  }
  for (let i = 0; i < count; i++) {
    const nameLength = varints.field();
    if (nameLength < 0) throw new CorruptBatchError('a header has no name');
    const nameAt = varints.position - nameLength;
    const valueLength = varints.field();
    if (visit !== undefined) visit(nameAt, nameLength, startOf(varints, valueLength), valueLength);
  }
  if (varints.position !== varints.end)
    throw new CorruptBatchError('there are bytes after the last header of a record');
}

/** Start of the field that was just passed. */
function startOf(varints: VarintReader, length: number): number {
  return length > 0 ? varints.position - length : varints.position;
}

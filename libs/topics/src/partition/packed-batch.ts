import { InvalidMessageError, MessageTooLargeError } from '../errors.js';
import { validateBatch } from '../records/batch-reader.js';

/** A batch as its producer packed it, checked, in memory that nobody else changes until it is stored. */
export interface PackedBatch {
  readonly bytes: Buffer;
  readonly lastOffsetDelta: number;
}

/**
 * @param lent the memory is the partition's until the batch is stored: no copy is needed
 * @throws `MESSAGE_TOO_LARGE`, `CORRUPT_BATCH`, `INVALID_MESSAGE`
 */
export function takePackedBatch(batch: Uint8Array, lent: boolean, maxBytes: number): PackedBatch {
  const { buffer, byteOffset, length } = batch;
  if (length > maxBytes)
    throw new MessageTooLargeError('the record batch', length, maxBytes, 'maxBatchBytes');
  const bytes = lent ? Buffer.from(buffer, byteOffset, length) : Buffer.from(batch);
  const { control, lastOffsetDelta } = validateBatch(bytes);
  if (control) throw new InvalidMessageError('control batches belong to the log itself');
  return { bytes, lastOffsetDelta };
}

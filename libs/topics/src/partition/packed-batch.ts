import { InvalidMessageError, MessageTooLargeError } from '../errors.js';
import { validateBatch } from '../records/batch-reader.js';

/** A validated batch as its producer packed it, in memory that nobody else changes until it is stored. */
export interface PackedBatch {
  readonly bytes: Buffer;
  readonly lastOffsetDelta: number;
}

/**
 * Validates a packed batch, and copies it unless it is lent.
 * @param lent the memory belongs to the partition until the batch is stored
 * @throws `MESSAGE_TOO_LARGE`, `CORRUPT_BATCH`, `INVALID_MESSAGE`
 */
export function takePackedBatch(batch: Uint8Array, lent: boolean, maxBytes: number): PackedBatch {
  const { buffer, byteOffset, length } = batch;
  if (length > maxBytes)
    throw new MessageTooLargeError('the record batch', length, maxBytes, 'maxBatchBytes');
  const bytes = lent ? Buffer.from(buffer, byteOffset, length) : Buffer.from(batch);
  const { control, lastOffsetDelta } = validateBatch(bytes);
  if (control)
    throw new InvalidMessageError('it is a control batch; only batches of messages can be published');
  return { bytes, lastOffsetDelta };
}

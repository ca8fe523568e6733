import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import { CorruptBatchError, UnsupportedCompressionError, messageOf } from '../errors.js';
import { BATCH_HEADER_BYTES, type Compression, setCompression } from './batch-header.js';

/** What this build can pack with, and unpack. */
export const WRITABLE_COMPRESSIONS = ['none', 'gzip'] as const;
export type WritableCompression = (typeof WRITABLE_COMPRESSIONS)[number];

const gzipAsync = promisify(gzip);

/** A small batch may unpack to gigabytes; what is past this is refused. */
export const MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024;

/**
 * Unpacks the records of a batch.
 * @throws {UnsupportedCompressionError} `UNSUPPORTED_COMPRESSION`
 * @throws {CorruptBatchError} `CORRUPT_BATCH` for bytes that do not unpack, or to too much
 */
export function decompress(codec: Compression, bytes: Buffer): Buffer {
  if (codec === 'none') return bytes;
  if (codec !== 'gzip') throw new UnsupportedCompressionError(codec);
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_DECOMPRESSED_BYTES });
  } catch (error) {
    throw new CorruptBatchError(`its gzip records do not unpack: ${messageOf(error)}`);
  }
}

/** The batch with its records packed; as it came where that gains nothing, or could not be unpacked again. */
export async function compressBatch(batch: Buffer): Promise<Buffer> {
  if (batch.length > MAX_DECOMPRESSED_BYTES) return batch;
  const records = await gzipAsync(batch.subarray(BATCH_HEADER_BYTES));
  if (BATCH_HEADER_BYTES + records.length >= batch.length) return batch;
  const packed = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), records]);
  setCompression(packed, 'gzip');
  return packed;
}

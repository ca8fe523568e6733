import { gunzipSync } from 'node:zlib';
import { CorruptBatchError, UnsupportedCompressionError, messageOf } from '../errors.js';
import type { Compression } from './batch-header.js';

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

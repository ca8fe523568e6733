import { CorruptBatchError, UnsupportedCompressionError, messageOf } from '../errors.js';
import { BATCH_HEADER_BYTES, type Compression, setCompression } from './batch-header.js';
import type { CompressionCodec } from './codecs/compression-codec.js';
import { gzipCodec } from './codecs/gzip.js';
import { lz4Codec } from './codecs/lz4.js';
import { snappyCodec } from './codecs/snappy.js';
import { zstdCodec } from './codecs/zstd.js';

const CODECS: Readonly<Record<Exclude<Compression, 'none'>, CompressionCodec>> = {
  gzip: gzipCodec,
  snappy: snappyCodec,
  lz4: lz4Codec,
  zstd: zstdCodec,
};

/** Limit on the unpacked records of a batch: a small batch could otherwise unpack to gigabytes. */
export const MAX_DECOMPRESSED_BYTES = 64 * 1024 * 1024;

/**
 * Checks that a compression can be used.
 * @throws {UnsupportedCompressionError} `UNSUPPORTED_COMPRESSION` if the package it needs is not installed
 */
export function assertCompression(compression: Compression): void {
  if (compression !== 'none') CODECS[compression].load();
}

/**
 * Unpacks the records of a batch.
 * @throws {UnsupportedCompressionError} `UNSUPPORTED_COMPRESSION` if the package it needs is not installed
 * @throws {CorruptBatchError} `CORRUPT_BATCH` for bytes that do not unpack, or unpack to more than 64 MiB
 */
export function decompress(compression: Compression, bytes: Buffer): Buffer {
  if (compression === 'none') return bytes;
  try {
    const records = CODECS[compression].decompress(bytes, MAX_DECOMPRESSED_BYTES);
    return Buffer.from(records.buffer, records.byteOffset, records.byteLength);
  } catch (error) {
    if (error instanceof UnsupportedCompressionError) throw error;
    throw new CorruptBatchError(`its ${compression} records cannot be unpacked: ${messageOf(error)}`);
  }
}

/**
 * Compresses the records of a batch. Returns the batch unchanged if that does not make it smaller, or if it
 * exceeds the limit for unpacking.
 * @throws {UnsupportedCompressionError} `UNSUPPORTED_COMPRESSION` if the package it needs is not installed
 */
export async function compressBatch(batch: Buffer, compression: Compression): Promise<Buffer> {
  if (compression === 'none' || batch.length > MAX_DECOMPRESSED_BYTES) return batch;
  const records = await CODECS[compression].compress(batch.subarray(BATCH_HEADER_BYTES));
  if (BATCH_HEADER_BYTES + records.length >= batch.length) return batch;
  const packed = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), records]);
  setCompression(packed, compression);
  return packed;
}

import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import type { CompressionCodec } from './compression-codec.js';

const compress = promisify<Buffer, Buffer>(gzip);

export const gzipCodec: CompressionCodec = {
  load: () => {},
  compress: (bytes) => compress(bytes),
  decompress: (bytes, limit) => gunzipSync(bytes, { maxOutputLength: limit }),
};

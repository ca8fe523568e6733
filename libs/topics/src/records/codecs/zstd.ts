import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { type CompressionCodec, optionalPackage, tooLarge } from './compression-codec.js';

/** The zstd functions of Node's zlib, available since 22.15. */
interface ZstdOfNode {
  zstdCompress(bytes: Buffer, done: (error: Error | null, packed: Buffer) => void): void;
  zstdDecompressSync(bytes: Buffer, options: { maxOutputLength: number }): Buffer;
}

interface ZstdPackage {
  Encoder: new (level: number) => { encode(bytes: Buffer): Promise<Buffer> };
  Decoder: new () => { decodeSync(bytes: Buffer): Buffer };
}

/** Zstandard's default level. */
const LEVEL = 3;

export const zstdCodec: CompressionCodec =
  'zstdDecompressSync' in zlib ? ofNode(zlib as unknown as ZstdOfNode) : ofPackage();

function ofNode(zstd: ZstdOfNode): CompressionCodec {
  const compress = promisify((bytes: Buffer, done: (error: Error | null, packed: Buffer) => void) =>
    zstd.zstdCompress(bytes, done),
  );
  return {
    load: () => {},
    compress: (bytes) => compress(bytes),
    decompress(bytes, limit) {
      const parts: Buffer[] = [];
      let room = limit;
      // Node's decoder silently stops after the first frame, so frames are unpacked one by one.
      for (const { start, end } of framesOf(bytes, limit)) {
        const part = zstd.zstdDecompressSync(bytes.subarray(start, end), { maxOutputLength: room });
        room -= part.length;
        parts.push(part);
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    },
  };
}

function ofPackage(): CompressionCodec {
  const zstd = optionalPackage<ZstdPackage>('zstd', '@toondepauw/node-zstd');
  return {
    load: () => void zstd(),
    compress: (bytes) => new (zstd().Encoder)(LEVEL).encode(bytes),
    decompress(bytes, limit) {
      if (mostUnpacked(bytes, limit) > limit) throw tooLarge(limit);
      return new (zstd().Decoder)().decodeSync(bytes);
    },
  };
}

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const SINGLE_SEGMENT = 0x20;
const CHECKSUM = 0x04;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const MAX_BLOCK_BYTES = 128 * 1024;
const RLE = 1;
const COMPRESSED = 2;

/**
 * Upper bound of the unpacked frames, from the sizes of their blocks: the package's decoder has no limit of
 * its own.
 */
function mostUnpacked(bytes: Buffer, maxWindow: number): number {
  let sum = 0;
  for (const { most } of framesOf(bytes, maxWindow)) sum += most;
  return sum;
}

/**
 * The frames with content, with an upper bound of what each unpacks to.
 * @param maxWindow largest window a frame may request, in bytes; a decoder allocates that much memory
 */
function* framesOf(
  bytes: Buffer,
  maxWindow: number,
): Generator<{ start: number; end: number; most: number }> {
  for (let at = 0; at < bytes.length;) {
    const start = at;
    const magic = bytes.readUInt32LE(at);
    at += 4;
    if ((magic & 0xfffffff0) === SKIPPABLE) {
      at += 4 + bytes.readUInt32LE(at);
      continue;
    }
    if (magic !== MAGIC) throw new Error('they are not a zstd frame');
    const descriptor = bytes[at++]!;
    const single = (descriptor & SINGLE_SEGMENT) !== 0;
    if (!single && windowBytes(bytes[at++]!) > maxWindow) throw tooLarge(maxWindow);
    at += DICTIONARY_ID_BYTES[descriptor & 3]!;
    at += descriptor >> 6 === 0 && single ? 1 : CONTENT_SIZE_BYTES[descriptor >> 6]!;
    let most = 0;
    for (let last = false; !last;) {
      const block = bytes.readUIntLE(at, 3);
      const type = (block >> 1) & 3;
      const size = block >> 3;
      most += type === COMPRESSED ? MAX_BLOCK_BYTES : size;
      at += 3 + (type === RLE ? 1 : size);
      last = (block & 1) === 1;
    }
    if (descriptor & CHECKSUM) at += 4;
    yield { start, end: at, most };
  }
}

function windowBytes(descriptor: number): number {
  return 2 ** (10 + (descriptor >> 3)) * (1 + (descriptor & 7) / 8);
}

import { type CompressionCodec, optionalPackage, tooLarge } from './compression-codec.js';

interface Lz4 {
  compressFrame(bytes: Buffer): Promise<Buffer>;
  decompressFrameSync(bytes: Buffer): Buffer;
}

const lz4 = optionalPackage<Lz4>('lz4', 'lz4-napi');

/**
 * Writes LZ4 frames of independent blocks, the only ones Java clients read. Reads frames of linked blocks
 * too.
 */
export const lz4Codec: CompressionCodec = {
  load: () => void lz4(),
  compress: (bytes) => lz4().compressFrame(bytes),
  decompress(bytes, limit) {
    const { end, mostUnpacked } = walkFrame(bytes);
    if (mostUnpacked > limit) throw tooLarge(limit);
    return lz4().decompressFrameSync(bytes.subarray(0, end));
  },
};

const MAGIC = 0x184d2204;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY_ID = 0x01;
const UNCOMPRESSED = 0x80000000;
/** The highest compression ratio of the format: bytes of content per byte of a block. */
const MAX_RATIO = 255;

/**
 * The end of the first frame, and an upper bound of its content, because the decoder has no limit of its own.
 * A block unpacks to no more than the frame's block size and no more than its own size times the highest
 * ratio.
 */
function walkFrame(bytes: Buffer): { end: number; mostUnpacked: number } {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== MAGIC) throw new Error('they are not an LZ4 frame');
  const flags = bytes[4]!;
  const blockBytes = 2 ** (8 + 2 * ((bytes[5]! >> 4) & 7));
  const checksum = flags & BLOCK_CHECKSUM ? 4 : 0;
  let at = 7 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY_ID ? 4 : 0);
  let mostUnpacked = 0;
  while (at + 4 <= bytes.length) {
    const field = bytes.readUInt32LE(at);
    at += 4;
    if (field === 0) {
      return { end: Math.min(at + (flags & CONTENT_CHECKSUM ? 4 : 0), bytes.length), mostUnpacked };
    }
    const size = field % UNCOMPRESSED;
    mostUnpacked += field >= UNCOMPRESSED ? size : Math.min(blockBytes, size * MAX_RATIO);
    at += size + checksum;
  }
  throw new Error('the LZ4 frame is truncated');
}

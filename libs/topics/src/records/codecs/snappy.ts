import { type CompressionCodec, optionalPackage, tooLarge } from './compression-codec.js';

interface Snappy {
  compress(bytes: Buffer): Promise<Buffer>;
  uncompressSync(bytes: Buffer): Buffer;
}

const snappy = optionalPackage<Snappy>('snappy', 'snappy');

/**
 * Magic of the snappy-java framing, which Java clients and others use: the magic, two version numbers, then
 * length-prefixed blocks.
 */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const XERIAL_HEADER_BYTES = 16;

/** Writes one plain block, which every client reads. Reads snappy-java's framing too. */
export const snappyCodec: CompressionCodec = {
  load: () => void snappy(),
  compress: (bytes) => snappy().compress(bytes),
  decompress(bytes, limit) {
    const blocks = isXerial(bytes) ? xerialBlocks(bytes) : [bytes];
    const total = blocks.reduce((sum, block) => sum + unpackedBytes(block), 0);
    if (total > limit) throw tooLarge(limit);
    const native = snappy();
    if (blocks.length === 1) return native.uncompressSync(blocks[0]!);
    return Buffer.concat(blocks.map((block) => native.uncompressSync(block)));
  },
};

function isXerial(bytes: Buffer): boolean {
  return bytes.length >= XERIAL_HEADER_BYTES && bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC);
}

function xerialBlocks(bytes: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length;) {
    if (at + 4 > bytes.length) throw new Error('a block of the snappy-java frame is truncated');
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length <= 0 || at + length > bytes.length) {
      throw new Error(`a block of the snappy-java frame has an invalid length of ${length} bytes`);
    }
    blocks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return blocks;
}

/** The unpacked size a block states. The decoder refuses a block that unpacks to another size. */
function unpackedBytes(block: Buffer): number {
  let size = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    const byte = block[i]!;
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return size;
  }
  throw new Error('a snappy block does not start with its unpacked size');
}

import { type CompressionCodec, optionalPackage, tooLarge } from './compression-codec.js';

interface Snappy {
  compress(bytes: Buffer): Promise<Buffer>;
  uncompressSync(bytes: Buffer): Buffer;
}

const snappy = optionalPackage<Snappy>('snappy', 'snappy');

/** The frame of snappy-java, which Java clients and others use: this, two versions, then blocks, each after its length. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const XERIAL_HEADER_BYTES = 16;

/** Written as one plain block, which every client reads; read with snappy-java's frame too. */
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
    if (at + 4 > bytes.length) throw new Error('a block of the snappy-java frame is cut short');
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length <= 0 || at + length > bytes.length) {
      throw new Error(`a block of the snappy-java frame says it has ${length} bytes`);
    }
    blocks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return blocks;
}

/** What a block says it unpacks to; the decoder refuses one that does not. */
function unpackedBytes(block: Buffer): number {
  let size = 0;
  for (let i = 0; i < 5 && i < block.length; i++) {
    const byte = block[i]!;
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return size;
  }
  throw new Error('a snappy block does not begin with its length');
}

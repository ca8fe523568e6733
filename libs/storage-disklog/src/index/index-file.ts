import { crc32 } from 'node:zlib';
import type { MemoryKeys } from '../engine/memory-keys.js';
import { hashKey } from '../engine/key-probe.js';
import { uint32 } from '../format/big-endian.js';
import type { FileHandle, FileSystem } from '../io/file-system.js';
import { writeAll } from '../io/write-all.js';
import type { BlockPlace } from './block.js';
import { LeafBuilder, NodeBuilder } from './block-builder.js';
import { addToBloom, BLOOM_PAGE_BYTES, bloomPages, sealBloom } from './bloom.js';

/**
 * The key index of a closed file, `log.N.keys`: a search tree of sorted blocks, a Bloom filter, and a footer.
 *
 *   leaf blocks in key order, then the nodes above them level by level, the root last
 *   Bloom pages of 512 bytes each
 *   footer, 96 bytes: magic, generation, logEnd, items, entries, lastSequence, keys, rootOffset, leavesEnd, bloomAt,
 *     rootLength, bloomPages, ascending:u8, zeros, tailCrc, crc32 (u32 and u64, big-endian, as written below)
 *
 * It is a cache: it says which file it belongs to, every part has a checksum, and it is rebuilt from the log file if
 * anything is wrong. So it needs no sync.
 */
export const FOOTER_BYTES = 96;
const FOOTER_MAGIC = 0x47524b35;
const TAIL_CRC_AT = 88;

export interface IndexFooter {
  /** Generation of the log file that the index belongs to. */
  readonly generation: number;
  readonly logEnd: number;
  readonly items: number;
  readonly entries: number;
  readonly lastSequence: number;
  /** Of the log file's last bytes, see {@link tailCrc}: tells it from another one of the same generation and length. */
  readonly tailCrc: number;
  readonly keys: number;
  readonly root: BlockPlace;
  readonly leavesEnd: number;
  readonly bloomAt: number;
  readonly bloomPages: number;
  readonly ascending: boolean;
}

/** What the index says of its log file. */
export type LogFacts = Pick<
  IndexFooter,
  'generation' | 'logEnd' | 'items' | 'entries' | 'lastSequence' | 'tailCrc'
>;

export function writeFooter(footer: IndexFooter): Buffer {
  const bytes = Buffer.alloc(FOOTER_BYTES);
  bytes.writeUInt32BE(FOOTER_MAGIC, 0);
  bytes.writeUInt32BE(footer.generation, 4);
  const wide = [
    footer.logEnd,
    footer.items,
    footer.entries,
    footer.lastSequence,
    footer.keys,
    footer.root.offset,
    footer.leavesEnd,
    footer.bloomAt,
  ];
  wide.forEach((value, i) => bytes.writeBigUInt64BE(BigInt(value), 8 + 8 * i));
  bytes.writeUInt32BE(footer.root.length, 72);
  bytes.writeUInt32BE(footer.bloomPages, 76);
  bytes[80] = footer.ascending ? 1 : 0;
  bytes.writeUInt32BE(footer.tailCrc, TAIL_CRC_AT);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, FOOTER_BYTES - 4)), FOOTER_BYTES - 4);
  return bytes;
}

/** Undefined if the bytes are not a footer, or are damaged. */
export function readFooter(bytes: Buffer): IndexFooter | undefined {
  if (bytes.length !== FOOTER_BYTES || bytes.readUInt32BE(0) !== FOOTER_MAGIC) return undefined;
  if (crc32(bytes.subarray(0, FOOTER_BYTES - 4)) !== bytes.readUInt32BE(FOOTER_BYTES - 4)) return undefined;
  // Avoids bigints: an open reads a thousand of these.
  const wide = (i: number) => uint32(bytes, 8 + 8 * i) * 0x1_0000_0000 + uint32(bytes, 12 + 8 * i);
  return {
    generation: bytes.readUInt32BE(4),
    logEnd: wide(0),
    items: wide(1),
    entries: wide(2),
    lastSequence: wide(3),
    tailCrc: bytes.readUInt32BE(TAIL_CRC_AT),
    keys: wide(4),
    root: { offset: wide(5), length: bytes.readUInt32BE(72) },
    leavesEnd: wide(6),
    bloomAt: wide(7),
    bloomPages: bytes.readUInt32BE(76),
    ascending: bytes[80] === 1,
  };
}

/** Bytes gathered before a write; each write lets other work run. */
const WRITE_BYTES = 64 << 10;

/** Longest key that fits the 16-bit lengths of blocks. Erlang may have written longer ones; we never do. */
const MAX_INDEXED_KEY = 65_535;

/** The file has a key that is too long for an index. Its keys stay in memory, and every open reads the file. */
export class KeyTooLongError extends Error {}

/**
 * Writes the index of a file under a temporary name and renames it into place.
 * @throws the system's error, or {@link KeyTooLongError}. The index is then missing, which costs the next open time,
 * not data
 */
export async function writeIndex(
  fs: FileSystem,
  path: string,
  keys: MemoryKeys,
  facts: LogFacts,
): Promise<void> {
  const temporary = `${path}.new`;
  try {
    const handle = await fs.open(temporary, { write: true, create: true });
    try {
      await new IndexWriter(handle).write(keys, facts);
    } finally {
      await handle.close();
    }
    await fs.rename(temporary, path);
  } catch (error) {
    // Most likely out of space, and the temporary file takes some of it.
    await fs.unlink(temporary).catch(() => undefined);
    throw error;
  }
}

class IndexWriter {
  private position = 0;
  private pending: Buffer[] = [];
  private pendingBytes = 0;

  constructor(private readonly handle: FileHandle) {}

  async write(keys: MemoryKeys, facts: LogFacts): Promise<void> {
    const pages = bloomPages(keys.size);
    const bloom = Buffer.alloc(pages * BLOOM_PAGE_BYTES);
    let level: [string, BlockPlace][] = [];
    const leaf = new LeafBuilder();
    for (const run of keys.runs()) {
      for (let i = 0; i < run.count; i++) {
        const key = run.keyAt(i);
        if (key.length > MAX_INDEXED_KEY) throw new KeyTooLongError('a key is too long for an index');
        const slot = run.slotAt(i);
        if (!leaf.add(key, slot)) {
          await this.finishBlock(leaf, level);
          leaf.add(key, slot);
        }
        addToBloom(bloom, hashKey(key), pages);
      }
    }
    await this.finishBlock(leaf, level);
    const leavesEnd = this.end;
    while (level.length > 1) level = await this.writeLevel(level);
    const root = level[0]![1];
    const bloomAt = this.end;
    sealBloom(bloom, pages);
    await this.add(bloom);
    const layout = {
      keys: keys.size,
      root,
      leavesEnd,
      bloomAt,
      bloomPages: pages,
      ascending: keys.ascending,
    };
    await this.add(writeFooter({ ...facts, ...layout }));
    await this.flush();
  }

  private async writeLevel(below: [string, BlockPlace][]): Promise<[string, BlockPlace][]> {
    const level: [string, BlockPlace][] = [];
    const node = new NodeBuilder();
    for (const [key, place] of below) {
      if (node.add(key, place)) continue;
      await this.finishBlock(node, level);
      node.add(key, place);
    }
    await this.finishBlock(node, level);
    return level;
  }

  private async finishBlock(block: LeafBuilder | NodeBuilder, level: [string, BlockPlace][]): Promise<void> {
    const { firstKey } = block;
    const bytes = block.finish();
    level.push([firstKey, { offset: this.end, length: bytes.length }]);
    await this.add(bytes);
  }

  private get end(): number {
    return this.position + this.pendingBytes;
  }

  private async add(bytes: Buffer): Promise<void> {
    this.pending.push(bytes);
    this.pendingBytes += bytes.length;
    if (this.pendingBytes >= WRITE_BYTES) await this.flush();
  }

  private async flush(): Promise<void> {
    const bytes = Buffer.concat(this.pending, this.pendingBytes);
    await writeAll(this.handle, bytes, this.position);
    this.position += bytes.length;
    this.pending = [];
    this.pendingBytes = 0;
  }
}

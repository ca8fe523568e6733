import { crc32 } from 'node:zlib';
import { FOOTER_BYTES, type IndexFooter, readFooter, writeFooter } from '../index/index-file.js';
import { type FileHandle, type FileStamp, type FileSystem, isErrno } from '../io/file-system.js';
import { writeAll } from '../io/write-all.js';
import type { LogNames } from './names.js';

/**
 * What is known of the left files of a wrap log, `log.left`: a record of 128 bytes for `log.N`, at 128 * (N - 1).
 *
 *   footer of its key index, 96 bytes
 *   inode:f64 changed:f64 modified:f64 of the file, when it was last known to be what the footer says
 *   magic:u32 crc32:u32 (big-endian; the checksum starts from N)
 *
 * It is a cache, so it needs no sync: a file whose record is missing or torn, or which is not the one that was seen
 * then, is looked at itself. A record is written in its place, so that leaving a file costs the same in a log of any
 * number of them.
 */
const RECORD_BYTES = FOOTER_BYTES + 32;
const STAMP_AT = FOOTER_BYTES;
const MAGIC_AT = STAMP_AT + 24;
const CRC_AT = MAGIC_AT + 4;
const MAGIC = 0x47524c31;

/** No file of a wrap log has a higher number than 99,999. */
const MAX_BYTES = 100_000 * RECORD_BYTES;
/** Records written at a time. */
const MAX_RUN = 8192;

export function writeRecord(number: number, footer: IndexFooter, stamp: FileStamp): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  writeFooter(footer).copy(bytes);
  bytes.writeDoubleBE(stamp.inode, STAMP_AT);
  bytes.writeDoubleBE(stamp.changed, STAMP_AT + 8);
  bytes.writeDoubleBE(stamp.modified, STAMP_AT + 16);
  bytes.writeUInt32BE(MAGIC, MAGIC_AT);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, CRC_AT), number), CRC_AT);
  return bytes;
}

/** In the place of a record that does not count any more. */
export const noRecord = () => Buffer.alloc(RECORD_BYTES);

/** What the summary says of a log, read as a whole when the log is opened. */
export class LeftSummary {
  /** Records of files that had to be looked at. */
  readonly renewed = new Map<number, Buffer>();

  private constructor(private readonly bytes: Buffer) {}

  /** Knows nothing. */
  static empty(): LeftSummary {
    return new LeftSummary(Buffer.alloc(0));
  }

  static async read(fs: FileSystem, names: LogNames): Promise<LeftSummary> {
    // Whatever is wrong with a cache, the answer is to do without.
    try {
      const size = await fs.size(names.left);
      if (size !== undefined && size <= MAX_BYTES) return new LeftSummary(await fs.readFile(names.left));
    } catch {
      // It may not even be a file.
    }
    return LeftSummary.empty();
  }

  /** What is known of a file, if it is still the one of which it was known. */
  footerOf(number: number, stamp: FileStamp): IndexFooter | undefined {
    const at = (number - 1) * RECORD_BYTES;
    const { bytes } = this;
    if (at + RECORD_BYTES > bytes.length || bytes.readUInt32BE(at + MAGIC_AT) !== MAGIC) return undefined;
    const isSame =
      bytes.readDoubleBE(at + STAMP_AT) === stamp.inode &&
      bytes.readDoubleBE(at + STAMP_AT + 8) === stamp.changed &&
      bytes.readDoubleBE(at + STAMP_AT + 16) === stamp.modified;
    if (!isSame || !isExact(stamp)) return undefined;
    if (crc32(bytes.subarray(at, at + CRC_AT), number) !== bytes.readUInt32BE(at + CRC_AT)) return undefined;
    const footer = readFooter(bytes.subarray(at, at + FOOTER_BYTES));
    return footer?.logEnd === stamp.size && footer.items > 0 ? footer : undefined;
  }

  /** A file had to be looked at, and its index tells this. */
  renew(number: number, footer: IndexFooter, stamp: FileStamp): void {
    this.renewed.set(number, writeRecord(number, footer, stamp));
  }
}

/** Writes records in their places, those of neighbours together. */
export async function writeRecords(
  fs: FileSystem,
  names: LogNames,
  records: ReadonlyMap<number, Buffer>,
): Promise<void> {
  const numbers = [...records.keys()].sort((a, b) => a - b);
  if (numbers.length === 0) return;
  const handle = await openForWriting(fs, names.left);
  try {
    for (let first = 0, next = 1; first < numbers.length; first = next, next++) {
      const from = numbers[first]!;
      while (next < numbers.length && numbers[next] === from + next - first && next - first < MAX_RUN) next++;
      const bytes = Buffer.concat(numbers.slice(first, next).map((number) => records.get(number)!));
      await writeAll(handle, bytes, (from - 1) * RECORD_BYTES);
    }
  } finally {
    await handle.close();
  }
}

async function openForWriting(fs: FileSystem, path: string): Promise<FileHandle> {
  try {
    return await fs.open(path, { write: true });
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return fs.open(path, { write: true, create: true });
  }
}

/** Times in whole seconds, as some file systems have them, cannot tell two files of the same second apart. */
function isExact({ changed }: FileStamp): boolean {
  return changed % 1000 !== 0;
}

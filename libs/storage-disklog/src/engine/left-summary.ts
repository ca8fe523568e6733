import { crc32 } from 'node:zlib';
import { FOOTER_BYTES, type IndexFooter, readFooter, writeFooter } from '../index/index-file.js';
import { type FileHandle, type FileStamp, type FileSystem, isErrno } from '../io/file-system.js';
import { writeAll } from '../io/write-all.js';
import type { LogNames } from './names.js';

/**
 * Summary of the closed files of a wrap log, `log.left`: a record of 128 bytes for `log.N`, at offset 128 * (N - 1).
 *
 *   footer of its key index, 96 bytes
 *   inode:f64 changed:f64 modified:f64 of the file when it was last known to match the footer
 *   magic:u32 crc32:u32 (big-endian; the checksum starts from N)
 *
 * It is a cache and needs no sync: if a record is missing or torn, or the file is not the one it describes, the file
 * itself is examined. Records are updated in place, so rotation costs the same whatever the number of files.
 */
const RECORD_BYTES = FOOTER_BYTES + 32;
const STAMP_AT = FOOTER_BYTES;
const MAGIC_AT = STAMP_AT + 24;
const CRC_AT = MAGIC_AT + 4;
const MAGIC = 0x47524c31;

/** File numbers of a wrap log go up to 99,999. */
const MAX_BYTES = 100_000 * RECORD_BYTES;
/** Most records in one write. */
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

/** Replaces a record that is no longer valid. */
export const noRecord = () => Buffer.alloc(RECORD_BYTES);

/** What the summary says of a log. Read as a whole when the log is opened. */
export class LeftSummary {
  /** New records, of files that had to be examined. */
  readonly renewed = new Map<number, Buffer>();

  private constructor(private readonly bytes: Buffer) {}

  /** A summary without records. */
  static empty(): LeftSummary {
    return new LeftSummary(Buffer.alloc(0));
  }

  static async read(fs: FileSystem, names: LogNames): Promise<LeftSummary> {
    // The log opens without the cache, whatever is wrong with it.
    try {
      const size = await fs.size(names.left);
      if (size !== undefined && size <= MAX_BYTES) return new LeftSummary(await fs.readFile(names.left));
    } catch {
      // It may not even be a file.
    }
    return LeftSummary.empty();
  }

  /** The footer recorded for a file, if the file is still the same. */
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

  /** Records the index footer of a file that had to be examined. */
  renew(number: number, footer: IndexFooter, stamp: FileStamp): void {
    this.renewed.set(number, writeRecord(number, footer, stamp));
  }
}

/** Writes records in place, adjacent ones in one write. */
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

/** Some file systems keep times in whole seconds, which cannot tell apart two files of the same second. */
function isExact({ changed }: FileStamp): boolean {
  return changed % 1000 !== 0;
}

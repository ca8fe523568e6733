import { crc32 } from 'node:zlib';
import { type FileSystem, isOutOfDescriptors } from '../io/file-system.js';
import { cannotRead } from '../io/read-failure.js';

/** Holds the last item's trailer in `internal`, and the last line's seal in `external`. */
const TAIL_BYTES = 256;

/**
 * CRC-32 of the last bytes of a log file. Two files of the same generation and length still differ here, because the
 * last item's own checksum is among these bytes.
 */
export function tailCrc(fs: FileSystem, path: string, end: number): number {
  const file = fs.openSync(path);
  try {
    const bytes = Buffer.alloc(Math.min(end, TAIL_BYTES));
    file.readSync(bytes, 0, bytes.length, end - bytes.length);
    return crc32(bytes);
  } finally {
    file.closeSync();
  }
}

/**
 * Does the log file end as its index says? One that cannot be read counts as different: reading it whole tells why.
 * @throws {StorageIoError} if the process has no descriptor left to look at it
 */
export function endsAs(fs: FileSystem, path: string, footer: { logEnd: number; tailCrc: number }): boolean {
  try {
    return tailCrc(fs, path, footer.logEnd) === footer.tailCrc;
  } catch (error) {
    if (isOutOfDescriptors(error)) throw cannotRead(path, error);
    return false;
  }
}

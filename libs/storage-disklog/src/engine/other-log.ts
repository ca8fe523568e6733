import { join } from 'node:path';
import { InvalidConfigError, StorageIoError } from '@genrocks/storage';
import { FORMAT_BYTES, formatOf } from '../format/formats.js';
import type { FileSystem } from '../io/file-system.js';
import type { DirectoryOptions } from './file-maker.js';
import { isBeside, type LogNames, segmentNumber, wrapNumber } from './names.js';

/** Enough of the beginning of an intact file to tell its format. */
const FEW_BYTES = 64;

/**
 * Refuses to open a directory that holds a log of another type or format: one log would hide the other's data, or
 * take all of it for damage.
 * @throws {InvalidConfigError} `INVALID_CONFIG`; {@link StorageIoError} `IO_ERROR` if a directory has a file's name
 */
export async function refuseOtherLog(
  fs: FileSystem,
  names: LogNames,
  { type, format }: Pick<DirectoryOptions, 'type' | 'format'>,
): Promise<void> {
  const entries = await fs.readdir(names.directory).catch(() => []);
  refuseDirectories(names.directory, entries);
  const files = entries.flatMap(({ name, directory }) => (directory ? [] : [name]));
  const wrapped = files.flatMap((name) => wrapNumber(name) ?? []);
  const segments = files.flatMap((name) => segmentNumber(name) ?? []);
  const hasHalt = segments.length > 0;
  const hasWrap = wrapped.length > 0;
  const single = files.includes('log.segments') ? 'compact' : 'halt';
  const found =
    type === 'wrap'
      ? hasHalt && !hasWrap && single
      : hasWrap
        ? 'wrap'
        : type === 'halt' && single === 'compact' && 'compact';
  const { directory } = names;
  if (found) {
    const remedy = `${directory} holds a ${found} log, open it with log_type: ${found}, or use another directory`;
    throw new InvalidConfigError([`log_type: "${type}" is not allowed; ${remedy}`]);
  }
  for (const number of type === 'wrap' ? wrapped : segments) {
    const other = await formatOfFile(fs, names.file(number));
    if (other === format) return;
    if (other === undefined) continue;
    const remedy = `${directory} holds a log in format ${other.name}, open it with format: ${other.name}, or use another directory`;
    throw new InvalidConfigError([`format: "${format.name}" is not allowed; ${remedy}`]);
  }
}

/**
 * Refuses a log if a directory has the name of one of its files: such a directory would count as a truncation under
 * way, or make a step of the log fail in the middle.
 * @throws {StorageIoError} `IO_ERROR`
 */
export function refuseDirectories(
  directory: string,
  entries: readonly { name: string; directory: boolean }[],
): void {
  const found = entries.find((entry) => entry.directory && isBeside(entry.name));
  if (found === undefined) return;
  const path = join(directory, found.name);
  throw new StorageIoError(`${path} is a directory, but the log needs that name for a file; move it away`);
}

/** Up to `length` bytes from the start of a file. */
export async function readBeginning(fs: FileSystem, path: string, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const handle = await fs.open(path, { write: false });
  try {
    return bytes.subarray(0, await handle.read(bytes, 0, length, 0));
  } finally {
    await handle.close();
  }
}

async function formatOfFile(fs: FileSystem, path: string) {
  const beginning = await readBeginning(fs, path, FEW_BYTES);
  if (beginning.length < FEW_BYTES) return formatOf(beginning);
  return formatOf(beginning) ?? formatOf(await readBeginning(fs, path, FORMAT_BYTES));
}

import { join } from 'node:path';
import { LogCorruptError } from '@genrocks/storage';
import { type FileStatus, readIndexFile, type WrapIndex } from '../format/headers.js';
import { MAX_FRAME_HEAD } from '../format/item.js';
import type { LogFormat } from '../format/log-format.js';
import type { IndexFooter } from '../index/index-file.js';
import { IndexedKeys } from '../index/indexed-keys.js';
import { type FileHandle, type FileStamp, type FileSystem, isErrno } from '../io/file-system.js';
import { firstGeneration, START_BYTES } from './first-generation.js';
import type { LeftSummary } from './left-summary.js';
import { type LogNames, withoutIndex, wrapNumber } from './names.js';
import { TimeSlices } from './time-slices.js';

/** What the first bytes of a wrap log's file say. */
export interface FileSummary {
  readonly number: number;
  readonly size: number;
  /** Undefined if the head is missing, short or zero. */
  readonly status: FileStatus | undefined;
  /** Generation of its first item; undefined if Erlang wrote it or it cannot be read. */
  readonly generation: number | undefined;
  readonly empty: boolean;
  /** Taken before the file was examined; only if there is a summary to record it in. */
  readonly stamp?: FileStamp;
  /** Footer of its key index, if the summary made it unnecessary to examine the file. */
  readonly footer?: IndexFooter;
}

/** The files of a wrap log in the order they were written, the current one last. */
export interface WrapOrder {
  readonly files: readonly FileSummary[];
  /** `log.idx` does not name the current file: it was lost or damaged, or a crash came before it was switched. */
  readonly indexIsStale: boolean;
  readonly index: WrapIndex | undefined;
}

/**
 * Finds out which file is current. `log.idx` names it but has no checksum, so the generations in the items must
 * agree; if they do not, they win. Removes files whose creation was never finished.
 */
export async function findWrapOrder(
  fs: FileSystem,
  names: LogNames,
  format: LogFormat,
  summary?: LeftSummary,
): Promise<WrapOrder> {
  const found = await lookAtFiles(fs, names, format, summary);
  const index = await readIndex(fs, names);
  if (found.length === 0) return { files: [], indexIsStale: true, index };
  const current = currentNumber(found, index, names);
  const files = [
    ...found.filter((file) => file.number > current),
    ...found.filter((file) => file.number <= current),
  ];
  return { files, indexIsStale: index?.current !== current, index };
}

function currentNumber(files: readonly FileSummary[], index: WrapIndex | undefined, names: LogNames): number {
  const newest = files.reduce<FileSummary | undefined>(
    (best, file) =>
      file.generation !== undefined && file.generation > (best?.generation ?? -1) ? file : best,
    undefined,
  );
  const named = files.find((file) => file.number === index?.current);
  if (named !== undefined && (newest === undefined || agrees(named, newest)))
    return nextIfCreated(files, named).number;
  if (newest !== undefined) return nextIfCreated(files, newest).number;
  if (files.length === 1) return files[0]!.number;
  const opened = files.filter((file) => file.status === 'opened');
  if (opened.length === 1) return opened[0]!.number;
  const reason = 'log.idx is missing or damaged, and the files do not tell which of them is the newest';
  throw new LogCorruptError(names.directory, reason, { file: names.index });
}

/** Whether the named file is the newest, or holds nothing that could tell (it is empty, or Erlang wrote it). */
function agrees(named: FileSummary, newest: FileSummary): boolean {
  return named.generation === undefined || named.generation === newest.generation;
}

/** After a rotation that was interrupted once the next file had its name, that empty file is the current one. */
function nextIfCreated(files: readonly FileSummary[], current: FileSummary): FileSummary {
  const following =
    files.find((file) => file.number === current.number + 1) ?? files.find((file) => file.number === 1);
  const created =
    following !== undefined && following !== current && following.empty && following.status === 'opened';
  return created && !current.empty ? following : current;
}

async function lookAtFiles(
  fs: FileSystem,
  names: LogNames,
  format: LogFormat,
  summary: LeftSummary | undefined,
): Promise<FileSummary[]> {
  const entries = await fs.readdir(names.directory);
  for (const { name } of entries) {
    const isUnfinishedIndex = name.endsWith('.new') && wrapNumber(withoutIndex(name)) !== undefined;
    if (isUnfinishedIndex) await fs.unlink(join(names.directory, name));
  }
  const found = entries.flatMap(({ name, directory }) => (directory ? [] : [name]));
  const present = new Set(found);
  const files: FileSummary[] = [];
  const slices = new TimeSlices();
  for (const name of found) {
    const number = wrapNumber(name);
    if (number === undefined) continue;
    if (slices.isOver) await slices.pause();
    const stamp = summary && fs.stampSync(names.file(number));
    const footer = present.has(`${name}.keys`) ? stamp && summary.footerOf(number, stamp) : undefined;
    const file =
      footer === undefined ? await lookAtFile(fs, names, format, number, stamp) : known(number, footer);
    if (await isUnfinished(fs, names, format, file)) await fs.unlink(names.file(number));
    else files.push(file);
  }
  return files.sort((a, b) => a.number - b.number);
}

/** A closed file that has not changed since its index was made. */
function known(number: number, footer: IndexFooter): FileSummary {
  const { generation, logEnd: size } = footer;
  return { number, size, status: 'closed', generation, empty: false, footer };
}

/**
 * Whether a file has no content yet, not even its head. A file that was indexed was complete once, so it is damaged.
 */
async function isUnfinished(
  fs: FileSystem,
  names: LogNames,
  format: LogFormat,
  file: FileSummary,
): Promise<boolean> {
  if (file.size > format.headBytes || file.status !== undefined) return false;
  return (await fs.size(names.keyIndex(file.number))) === undefined;
}

/**
 * Reads on this thread: a log may have a thousand files, and a short read takes microseconds here but ten times that
 * through the thread pool.
 */
export async function lookAtFile(
  fs: FileSystem,
  names: LogNames,
  format: LogFormat,
  number: number,
  stamp?: FileStamp,
): Promise<FileSummary> {
  const handle = fs.openSync(names.file(number));
  try {
    const { headBytes } = format;
    const size = handle.sizeSync();
    const start = Buffer.alloc(Math.min(size, START_BYTES));
    handle.readSync(start, 0, start.length, 0);
    const stated = format.readStatus(start.subarray(0, headBytes + MAX_FRAME_HEAD));
    const readIndexed = () => IndexedKeys.footer(fs, names.keyIndex(number));
    const generation = await firstGeneration({ handle, size, start, readIndexed }, format);
    const empty =
      size < headBytes ||
      (generation === undefined && (await isZero(handle, stated === undefined ? 0 : headBytes, size)));
    const status = await statusOf(fs, names, number, stated, empty);
    return { number, size, status, generation, empty, stamp };
  } finally {
    handle.closeSync();
  }
}

/**
 * A file without a head does not say whether it is being written. An empty one is new, unless there is an index of
 * what it once held.
 */
async function statusOf(
  fs: FileSystem,
  names: LogNames,
  number: number,
  stated: FileStatus | undefined,
  empty: boolean,
): Promise<FileStatus | undefined> {
  if (stated !== 'unknown' || !empty) return stated;
  return (await fs.size(names.keyIndex(number))) === undefined ? 'opened' : undefined;
}

/** Whether every byte is zero. Stops at the first that is not. */
async function isZero(handle: FileHandle, from: number, size: number): Promise<boolean> {
  const chunk = Buffer.alloc(64 << 10);
  for (let at = from; at < size;) {
    const count = await handle.read(chunk, 0, Math.min(chunk.length, size - at), at);
    if (count === 0) return true;
    if (!chunk.subarray(0, count).equals(ZEROS.subarray(0, count))) return false;
    at += count;
  }
  return true;
}

const ZEROS = Buffer.alloc(64 << 10);
async function readIndex(fs: FileSystem, names: LogNames): Promise<WrapIndex | undefined> {
  try {
    return readIndexFile(await fs.readFile(names.index));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

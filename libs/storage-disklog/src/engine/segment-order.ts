import { join } from 'node:path';
import { LogCorruptError } from '@genrocks/storage';
import type { LogFormat } from '../format/log-format.js';
import { IndexedKeys } from '../index/indexed-keys.js';
import { type FileSystem, isErrno } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import { replaceFile } from './durable-files.js';
import type { DirectoryOptions } from './file-maker.js';
import { type LogNames, segmentNumber, withoutIndex } from './names.js';
import { recoverFile } from './recovery.js';
import { readSegmentList, type SegmentRecord, writeSegmentList } from './segment-list.js';

/** A segment of the list, and how long its file is. */
export interface FoundSegment extends SegmentRecord {
  readonly size: number;
}

/**
 * The segments of a compact log, oldest first, the current one last; undefined where the log is `log` alone. Files that
 * the list does not name are removed: they were being made, or are merged into others. A damaged or missing list is
 * made anew out of the files.
 * @param check takes the number of the current segment before the list or a segment is changed, and may refuse it
 * @throws {LogCorruptError} `LOG_CORRUPT` where a file is missing
 */
export async function findSegments(
  fs: FileSystem,
  names: LogNames,
  options: Pick<DirectoryOptions, 'format' | 'onEvent'>,
  check: (current: number) => Promise<void>,
): Promise<readonly FoundSegment[] | undefined> {
  const found = await filesIn(fs, names);
  const numbers = found.flatMap((name) => segmentNumber(name) ?? []);
  const bytes = await fs.readFile(names.segments).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  const list = bytes === undefined ? undefined : readSegmentList(bytes);
  if (list !== undefined) return settle(fs, names, found, list, check);
  const isOne = bytes === undefined && numbers.every((number) => number === 0);
  const order = isOne ? [] : await findSegmentOrder(fs, names, numbers, options.format);
  // Nothing but a file that was being made beside the first one: the log has not come to a list yet.
  if (bytes === undefined && order.every(({ number, lastSequence }) => number === 0 || lastSequence === 0)) {
    await removeOthers(fs, names, found, [0]);
    return undefined;
  }
  const segments = await settle(fs, names, found, order, check);
  const [file, length] = [names.segments, bytes?.length ?? 0];
  const reason = 'the list of segments is missing or damaged; it is made anew out of the files';
  options.onEvent({ type: 'damaged', file, offset: 0, length, reason });
  await replaceFile(fs, names.segments, writeSegmentList(order), names.unfinishedSegments, names.directory);
  return segments;
}

async function settle(
  fs: FileSystem,
  names: LogNames,
  found: readonly string[],
  list: readonly SegmentRecord[],
  check: (current: number) => Promise<void>,
): Promise<readonly FoundSegment[]> {
  const segments = await Promise.all(
    list.map(async (record) => ({ ...record, size: await sizeOf(fs, names, record) })),
  );
  await check(list.at(-1)!.number);
  const kept = list.map(({ number }) => number);
  await removeOthers(fs, names, found, kept);
  return segments;
}

async function filesIn(fs: FileSystem, names: LogNames): Promise<readonly string[]> {
  const entries = await fs.readdir(names.directory);
  return entries.filter(({ directory }) => !directory).map(({ name }) => name);
}

/**
 * The order of segments without their list: by the newest item of each. Of merged segments and what is left of those they were made of, all may be there; since
 * the oldest go first, an entry that counts stands in the newest of the files that hold its key.
 */
export async function findSegmentOrder(
  fs: FileSystem,
  names: LogNames,
  numbers: readonly number[],
  format: LogFormat,
): Promise<readonly SegmentRecord[]> {
  const records: SegmentRecord[] = [];
  for (const number of numbers) {
    const footer = IndexedKeys.footer(fs, names.keyIndex(number));
    const clean = false;
    if (footer !== undefined) {
      const { generation, logEnd: end, lastSequence } = footer;
      records.push({ number, generation, end, lastSequence, clean });
      continue;
    }
    const path = names.file(number);
    const handle = new PooledFile(fs, path);
    try {
      const size = (await fs.size(path)) ?? 0;
      const { generation = number, lastSequence = 0 } = await recoverFile(handle, path, size, { format });
      records.push({ number, generation, end: 0, lastSequence, clean });
    } finally {
      await handle.close();
    }
  }
  // An empty file is one that had just become the current one.
  const rank = ({ lastSequence }: SegmentRecord) => (lastSequence === 0 ? Infinity : lastSequence);
  return records.sort((a, b) => (rank(a) === rank(b) ? a.number - b.number : rank(a) - rank(b)));
}

/**
 * Removes the segments that are not kept, and indexes that are unfinished or have lost their segment: numbers are given
 * again after an opening, and such an index could pass for that of the next segment of its number.
 */
async function removeOthers(
  fs: FileSystem,
  names: LogNames,
  found: readonly string[],
  kept: readonly number[],
): Promise<void> {
  const isKept = new Set(kept);
  for (const name of found) {
    const number = segmentNumber(withoutIndex(name));
    if (number === undefined || (isKept.has(number) && !name.endsWith('.new'))) continue;
    await fs.unlink(join(names.directory, name));
  }
}

async function sizeOf(fs: FileSystem, names: LogNames, { number, end }: SegmentRecord): Promise<number> {
  const path = names.file(number);
  const size = await fs.size(path);
  if (size !== undefined) return size;
  const [file, reason] = [path, 'the file is missing'];
  throw new LogCorruptError(names.directory, `${file}: ${reason}`, { file, offset: 0, length: end, reason });
}

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

/** A segment of the list, and the size of its file. */
export interface FoundSegment extends SegmentRecord {
  readonly size: number;
}

/**
 * The segments of a compact log, oldest first, the current one last; undefined if the log is `log` alone. Removes
 * files that the list does not name: they were being made, or have been merged into others. Rebuilds the list from
 * the files if it is missing, damaged, or older than the files.
 * @param check is given the number of the current segment before the list or a segment is changed, and may refuse it
 * @throws {LogCorruptError} `LOG_CORRUPT` if a file is missing
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
  const list = await currentList(fs, names, bytes, numbers, options.format);
  if (list !== undefined) return settle(fs, names, found, list, check);
  const isOne = bytes === undefined && numbers.every((number) => number === 0);
  const order = isOne ? [] : await findSegmentOrder(fs, names, numbers, options.format);
  // Only a file that was being made beside the first one: the log has no list yet.
  if (bytes === undefined && order.every(({ number, lastSequence }) => number === 0 || lastSequence === 0)) {
    await removeOthers(fs, names, found, [0]);
    return undefined;
  }
  const segments = await settle(fs, names, found, order, check);
  const [file, length] = [names.segments, bytes?.length ?? 0];
  const reason = 'the list of segments is missing, damaged or outdated; it is rebuilt from the files';
  options.onEvent({ type: 'damaged', file, offset: 0, length, reason });
  await replaceFile(fs, names.segments, writeSegmentList(order), names.unfinishedSegments, names.directory);
  return segments;
}

/**
 * The records of a list. Undefined if it is damaged, or older than the files because it was restored alone or copied
 * while the log was written; files that it does not name must not be removed then.
 *
 * Besides the listed segments, a crash can leave empty ones, which were to be the next, and segments that a merge was
 * reading or making. All of them hold only items that were in closed segments when the current one was begun, so the
 * current segment's items, if any, are newer: sequence numbers continue from the highest there was, and unlisted
 * segments are removed durably before an opened log takes its first write. So an unlisted segment with newer items
 * than the current one was written after the list.
 *
 * @param numbers of all segments present
 */
export async function currentList(
  fs: FileSystem,
  names: LogNames,
  bytes: Buffer | undefined,
  numbers: readonly number[],
  format: LogFormat,
): Promise<readonly SegmentRecord[] | undefined> {
  const list = bytes === undefined ? undefined : readSegmentList(bytes);
  if (list === undefined) return undefined;
  const named = new Set(numbersOf(list));
  const unnamed = numbers.filter((number) => !named.has(number));
  const others = await findSegmentOrder(fs, names, unnamed, format);
  const newest = Math.max(0, ...others.map(({ lastSequence }) => lastSequence));
  // Nearly always so, and without examining the listed segments.
  if (newest === 0) return list;
  // The records may date from before a truncation, so examine the files themselves.
  const left = list.slice(0, -1);
  const order = await findSegmentOrder(fs, names, numbersOf(left), format);
  const found = new Map(order.map(({ number, lastSequence }) => [number, lastSequence]));
  if (left.some(({ number, lastSequence }) => (found.get(number) ?? lastSequence) >= newest)) return list;
  const [current] = await findSegmentOrder(fs, names, numbersOf(list.slice(-1)), format);
  if (current === undefined) return undefined;
  // Merging drops items, even the newest ones of closed segments, so an empty current file proves nothing.
  return current.lastSequence === 0 || current.lastSequence >= newest ? list : undefined;
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
  await removeOthers(fs, names, found, numbersOf(list));
  return segments;
}

function numbersOf(list: readonly SegmentRecord[]): number[] {
  return list.map(({ number }) => number);
}

async function filesIn(fs: FileSystem, names: LogNames): Promise<readonly string[]> {
  const entries = await fs.readdir(names.directory);
  return entries.filter(({ directory }) => !directory).map(({ name }) => name);
}

/**
 * The order of segments without their list: by the newest item of each. Merged segments may be present along with
 * some of those they were made of. Since the oldest of these are removed first, a needed entry is in the newest of
 * the files that hold its key.
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
      const size = await fs.size(path);
      if (size === undefined) continue;
      const { generation = number, lastSequence = 0 } = await recoverFile(handle, path, size, { format });
      records.push({ number, generation, end: 0, lastSequence, clean });
    } catch (error) {
      // If a log is inspected while it is written, a merge may have removed the file.
      if ((await fs.size(path)) !== undefined) throw error;
    } finally {
      await handle.close();
    }
  }
  // An empty file had just become the current one.
  const rank = ({ lastSequence }: SegmentRecord) => (lastSequence === 0 ? Infinity : lastSequence);
  return records.sort((a, b) => (rank(a) === rank(b) ? a.number - b.number : rank(a) - rank(b)));
}

/**
 * Removes the segments that are not kept, and indexes that are unfinished or have lost their segment. After an
 * opening, numbers may be given again, and such an index could pass for that of the next segment with its number.
 */
async function removeOthers(
  fs: FileSystem,
  names: LogNames,
  found: readonly string[],
  kept: readonly number[],
): Promise<void> {
  const isKept = new Set(kept);
  const isOther = (name: string) => {
    const number = segmentNumber(withoutIndex(name));
    return number !== undefined && (!isKept.has(number) || name.endsWith('.new'));
  };
  const others = found.filter(isOther);
  for (const name of others) await fs.unlink(join(names.directory, name));
  // A file that reappeared after a power loss could have newer items than those written from here on.
  if (others.length > 0) await fs.syncDirectory(names.directory);
}

async function sizeOf(fs: FileSystem, names: LogNames, { number, end }: SegmentRecord): Promise<number> {
  const path = names.file(number);
  const size = await fs.size(path);
  if (size !== undefined) return size;
  const [file, reason] = [path, 'the file is missing'];
  throw new LogCorruptError(names.directory, `${file}: ${reason}`, { file, offset: 0, length: end, reason });
}

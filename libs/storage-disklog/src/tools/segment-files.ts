import { currentList, findSegmentOrder } from '../engine/segment-order.js';
import type { LogEnd } from '../engine/log-end.js';
import type { LogNames } from '../engine/names.js';
import type { SegmentRecord } from '../engine/segment-list.js';
import type { LogFormat } from '../format/log-format.js';
import { isErrno, nodeFileSystem } from '../io/file-system.js';
import { liveOwner } from './live-owner.js';
import type { SnapshotFile, SnapshotRemark } from './snapshot-file.js';
import { type CapturingFileSystem, readSmall, sizeOf } from './read-handle.js';

/** Enough for more than 65,000 segments. */
const MAX_LIST = 16 << 20;

/** The files of a compact log in segments, and the list that named them. */
export interface CapturedSegments {
  readonly files: Omit<SnapshotFile, 'status'>[];
  readonly records: readonly SegmentRecord[];
}

/**
 * Opens the segments of a compact log. The list is read again at the end: if it is unchanged, all files it names were
 * there at one moment.
 * @returns 'changing' if a compaction came between; undefined if there is no list and none is needed
 */
export async function captureSegments(
  fs: CapturingFileSystem,
  names: LogNames,
  numbers: readonly number[],
  format: LogFormat,
  end: LogEnd | undefined,
  remarks: SnapshotRemark[],
): Promise<CapturedSegments | 'changing' | undefined> {
  const bytes = await readSmall(names.segments, MAX_LIST);
  let records = await currentList(nodeFileSystem, names, bytes, numbers, format);
  if (records !== undefined && (await isOfOthers(names, records, numbers, format))) records = undefined;
  if (records === undefined) {
    if (bytes === undefined && numbers.every((number) => number === 0)) return undefined;
    records = await findSegmentOrder(nodeFileSystem, names, numbers, format);
    if (
      bytes === undefined &&
      records.every(({ number, lastSequence }) => number === 0 || lastSequence === 0)
    )
      return undefined;
    const reason = `${bytes === undefined ? 'missing' : 'damaged or outdated'}; the order of the segments is taken from their items`;
    remarks.push({ severity: 'damage', file: names.segments, reason });
  }
  const files: Omit<SnapshotFile, 'status'>[] = [];
  for (const record of records) {
    const isCurrent = record === records.at(-1);
    const file = await capture(fs, names, record, isCurrent, format, end);
    if (file !== undefined) files.push(file);
    else if (liveOwner(names.lock) !== undefined && (await hasChanged(names, bytes))) return 'changing';
    else remarks.push({ severity: 'damage', file: names.file(record.number), reason: 'the file is missing' });
  }
  return (await hasChanged(names, bytes)) ? 'changing' : { files, records };
}

/**
 * Whether a list names segments that are missing while there are others with items. No crash leaves that, since a
 * merged segment is removed only after the list names its successor. The log does not open then, and a repair must
 * keep all segments.
 */
async function isOfOthers(
  names: LogNames,
  records: readonly SegmentRecord[],
  numbers: readonly number[],
  format: LogFormat,
): Promise<boolean> {
  const sizes = await Promise.all(records.map(({ number }) => sizeOf(names.file(number))));
  if (!sizes.includes(undefined)) return false;
  const unnamed = numbers.filter((number) => !records.some((record) => record.number === number));
  const others = await findSegmentOrder(nodeFileSystem, names, unnamed, format);
  return others.some(({ lastSequence }) => lastSequence > 0);
}

async function hasChanged(names: LogNames, bytes: Buffer | undefined): Promise<boolean> {
  const now = await readSmall(names.segments, MAX_LIST);
  return now === undefined ? bytes !== undefined : bytes === undefined || !now.equals(bytes);
}

async function capture(
  fs: CapturingFileSystem,
  names: LogNames,
  { number, generation }: SegmentRecord,
  isCurrent: boolean,
  format: LogFormat,
  end: LogEnd | undefined,
): Promise<Omit<SnapshotFile, 'status'> | undefined> {
  const path = names.file(number);
  try {
    fs.openSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  const handle = fs.opened.get(path)!;
  const size = await handle.size();
  const name = number === 0 ? 'log' : `log.c${number}`;
  const isOurs = !isCurrent || end?.number === number;
  // The current segment may have been compacted in place, and then has a later generation.
  const known = isCurrent ? undefined : generation;
  return { number, name, path, format, handle, size, generation: known, isCurrent, isOurs };
}

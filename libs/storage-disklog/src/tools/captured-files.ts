import { isGenRocksError } from '@genrocks/storage';
import type { LogEnd } from '../engine/log-end.js';
import type { LogNames } from '../engine/names.js';
import { readBeginning } from '../engine/other-log.js';
import { Window } from '../engine/window.js';
import { type FileSummary, findWrapOrder } from '../engine/wrap-order.js';
import { FORMAT_BYTES, formatOf } from '../format/formats.js';
import { type FileStatus, readIndexFile, type WrapIndex } from '../format/headers.js';
import { internalFormat } from '../format/internal-format.js';
import type { LogFormat } from '../format/log-format.js';
import { IndexedKeys } from '../index/indexed-keys.js';
import { nodeFileSystem } from '../io/file-system.js';
import { type CapturingFileSystem, MAX_SMALL, type ReadHandle, readSmall } from './read-handle.js';
import type { SnapshotFile, SnapshotRemark } from './snapshot-file.js';

/** The files of a wrap log, and its index. */
export async function wrapFiles(
  fs: CapturingFileSystem,
  names: LogNames,
  format: LogFormat,
  remarks: SnapshotRemark[],
  end: LogEnd | undefined,
): Promise<{ files: SnapshotFile[]; index: WrapIndex | undefined }> {
  const ordered = await orderOf(fs, names, format, remarks);
  const files: SnapshotFile[] = [];
  for (const { number, status: stated, generation } of ordered) {
    const path = names.file(number);
    const handle = fs.opened.get(path)!;
    const isCurrent = number === ordered.at(-1)!.number;
    const name = `log.${number}`;
    const isOurs = isCurrent
      ? end?.number === number
      : IndexedKeys.footer(nodeFileSystem, names.keyIndex(number)) !== undefined;
    const size = await handle.size();
    const status = statusIn(format, stated, { number, size, isCurrent }, end);
    files.push({
      number,
      name,
      path,
      format,
      handle,
      size,
      status,
      generation,
      isCurrent,
      isOurs,
      closedEnd: end,
    });
  }
  for (const [path, handle] of fs.opened) {
    if (!files.some((file) => file.path === path)) await handle.close();
  }
  return { files, index: readIndexFile((await readSmall(names.index, MAX_SMALL)) ?? Buffer.alloc(0)) };
}

async function orderOf(
  fs: CapturingFileSystem,
  names: LogNames,
  format: LogFormat,
  remarks: SnapshotRemark[],
): Promise<readonly FileSummary[]> {
  try {
    return (await findWrapOrder(fs.asFileSystem(), names, format)).files;
  } catch (error) {
    if (!isGenRocksError(error, 'LOG_CORRUPT')) throw error;
  }
  // Erlang's files carry no generations; the times of their entries are the best that is left.
  const reason = 'missing or damaged; the order of the files is taken from the times of their entries';
  remarks.push({ severity: 'damage', file: names.index, reason });
  const dated: { summary: FileSummary; time: number }[] = [];
  for (const [path, handle] of fs.opened) {
    const number = Number(/\.(\d+)$/.exec(path)![1]);
    const size = await handle.size();
    const status = await statusOf(format, handle);
    const time = await firstTimestamp(format, handle, size);
    dated.push({
      summary: { number, size, status, generation: undefined, empty: time === undefined },
      time: time ?? -1,
    });
  }
  return dated.sort((a, b) => a.time - b.time).map(({ summary }) => summary);
}

/** The segments of a compact log. */
export async function segmentFiles(
  captured: readonly Omit<SnapshotFile, 'status'>[],
  end: LogEnd | undefined,
): Promise<{ files: SnapshotFile[]; index: undefined }> {
  const files: SnapshotFile[] = [];
  for (const file of captured) {
    const status = statusIn(file.format, await statusOf(file.format, file.handle), file, end);
    files.push({ ...file, status, closedEnd: end });
  }
  return { files, index: undefined };
}

/** The one file of a halt or compact log, if it is complete. */
export async function singleFile(
  fs: CapturingFileSystem,
  names: LogNames,
  format: LogFormat,
  end: LogEnd | undefined,
): Promise<{ files: SnapshotFile[]; index: undefined }> {
  fs.openSync(names.halt);
  const handle = fs.opened.get(names.halt)!;
  const size = await handle.size();
  // Shorter than its head: it was being created.
  if (size < format.headBytes) {
    await handle.close();
    return { files: [], index: undefined };
  }
  const at = { number: 0, size, isCurrent: true };
  const status = statusIn(format, await statusOf(format, handle), at, end);
  const generation = undefined;
  const file = {
    number: 0,
    name: 'log',
    path: names.halt,
    format,
    handle,
    size,
    status,
    generation,
    isCurrent: true,
    isOurs: end?.number === 0,
    closedEnd: end,
  };
  return { files: [file], index: undefined };
}

/** The format of a log. Files whose beginning is damaged count as Erlang's. */
export async function formatOfLog(names: LogNames, numbers: readonly number[]): Promise<LogFormat> {
  for (const number of numbers) {
    // A compaction may remove a file meanwhile; others tell as well.
    const path = names.file(number);
    const beginning = await readBeginning(nodeFileSystem, path, FORMAT_BYTES).catch(() => undefined);
    const format = beginning && formatOf(beginning);
    if (format !== undefined) return format;
  }
  return internalFormat;
}

async function statusOf(format: LogFormat, handle: ReadHandle): Promise<FileStatus | undefined> {
  const head = Buffer.alloc(format.headBytes);
  const count = head.length === 0 ? 0 : await handle.read(head, 0, head.length, 0);
  return format.readStatus(head.subarray(0, count));
}

/** As in the engine: a file without a head is closed while `log.end` says so, unless it was written since. */
function statusIn(
  format: LogFormat,
  stated: FileStatus | undefined,
  { number, size, isCurrent }: Pick<SnapshotFile, 'number' | 'size' | 'isCurrent'>,
  end: LogEnd | undefined,
): FileStatus | undefined {
  if (format.headBytes > 0) return stated;
  return !isCurrent || (end?.number === number && end.opened !== true && size <= end.end)
    ? 'closed'
    : 'opened';
}

async function firstTimestamp(
  format: LogFormat,
  handle: ReadHandle,
  size: number,
): Promise<number | undefined> {
  if (size <= format.headBytes) return undefined;
  const found = await format.itemAt(new Window(handle, size), format.headBytes);
  return 'reason' in found ? undefined : found.item.entries[0]?.timestamp;
}

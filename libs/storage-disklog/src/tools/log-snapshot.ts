import { setTimeout as pause } from 'node:timers/promises';
import { isGenRocksError } from '@genrocks/storage';
import { FORMAT_BYTES, formatOf } from '../format/formats.js';
import { type FileStatus, readIndexFile, readSizeFile } from '../format/headers.js';
import type { WrapIndex, WrapLimits } from '../format/headers.js';
import { internalFormat } from '../format/internal-format.js';
import type { LogFormat } from '../format/log-format.js';
import { LogNames, segmentNumber, wrapNumber } from '../engine/names.js';
import { describeGap } from '../engine/wrap-gaps.js';
import { readBeginning } from '../engine/other-log.js';
import { type LogEnd, readLogEnd } from '../engine/log-end.js';
import { Window } from '../engine/window.js';
import { findWrapOrder, type FileSummary } from '../engine/wrap-order.js';
import { IndexedKeys } from '../index/indexed-keys.js';
import { isErrno, nodeFileSystem } from '../io/file-system.js';
import { LogChangingError, NotALogError } from './errors.js';
import { liveOwner } from './live-owner.js';
import { captureSegments } from './segment-files.js';
import type { SegmentRecord } from '../engine/segment-list.js';
import { CapturingFileSystem, ReadHandle, readSmall, sizeOf } from './read-handle.js';

/** A file of a log, held open. */
export interface SnapshotFile {
  /** The N of `log.N`; 0 for the one file of a halt or compact log. */
  readonly number: number;
  readonly name: string;
  readonly path: string;
  readonly format: LogFormat;
  readonly handle: ReadHandle;
  readonly size: number;
  /** Undefined: the file has no log head. */
  readonly status: FileStatus | undefined;
  /** Of its first item; undefined where that carries none or cannot be read. */
  readonly generation: number | undefined;
  /** The newest file. */
  readonly isCurrent: boolean;
  /** Its items have trailers: there is a record of ours about it, whatever can be read of the items. */
  readonly isOurs: boolean;
}

/** What is odd about a log as a whole. Damage makes `verify` fail, a note does not. */
export interface SnapshotRemark {
  readonly severity: 'damage' | 'note';
  readonly file: string;
  readonly reason: string;
}

/** Attempts before a log that changes under way is given up. */
const MAX_ATTEMPTS = 500;
/** `log.idx` of 65,000 files is the largest of the small files. */
const MAX_SMALL = 1 << 20;

/**
 * The files of a log at one moment, oldest first, each held open. Nothing is written and no lock is taken, so it works
 * on the log of a running broker, too.
 *
 * Why that is consistent: a file that was left never changes; it only loses its name when the log comes round, and
 * the open file outlives that. So all that could go wrong is that files were opened before and after such a step. The
 * generations in the files show it: they must follow each other. If they do not, all are opened again.
 */
export class LogSnapshot {
  private constructor(
    readonly directory: string,
    readonly type: 'wrap' | 'single' | 'empty',
    readonly files: readonly SnapshotFile[],
    readonly index: WrapIndex | undefined,
    readonly limits: WrapLimits | undefined,
    readonly end: LogEnd | undefined,
    /** The process that has the log open, where one has. */
    readonly owner: number | undefined,
    readonly remarks: readonly SnapshotRemark[],
    /** Of a compact log in more than one file: what its list says. */
    readonly segments: readonly SegmentRecord[] | undefined,
  ) {}

  /** The names of the log's files. */
  get names(): LogNames {
    return new LogNames(this.directory, this.segments !== undefined);
  }

  /**
   * @param isOurs the caller holds the log's lock, so that no other process has it open
   * @throws {NotALogError} `NOT_A_LOG`; {@link LogChangingError} `LOG_CHANGING`; the system's error
   */
  static async open(directory: string, isOurs = false): Promise<LogSnapshot> {
    let before: string | undefined;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      // Writers need the processor to get on; from one attempt to the next something must be able to happen.
      if (attempt > 0) await pause(Math.min(attempt, 20));
      const taken = await LogSnapshot.attempt(directory, isOurs);
      if (taken === undefined) continue;
      const { snapshot, inconsistency } = taken;
      if (inconsistency === undefined) return snapshot;
      // What stays the same is not a step under way, but a file that is missing.
      if (inconsistency === before) return snapshot.with(inconsistency);
      before = inconsistency;
      await snapshot.close();
    }
    throw new LogChangingError(directory);
  }

  async close(): Promise<void> {
    for (const file of this.files) await file.handle.close();
  }

  private with(reason: string): LogSnapshot {
    const { directory, type, files, index, limits, end, owner, segments } = this;
    const remarks = [...this.remarks, { severity: 'damage' as const, file: directory, reason }];
    return new LogSnapshot(directory, type, files, index, limits, end, owner, remarks, segments);
  }

  private static async attempt(
    directory: string,
    isOurs: boolean,
  ): Promise<{ snapshot: LogSnapshot; inconsistency: string | undefined } | undefined> {
    const fs = new CapturingFileSystem();
    try {
      const snapshot = await capture(fs, directory, isOurs);
      if (snapshot === undefined) {
        await fs.close();
        return undefined;
      }
      return { snapshot, inconsistency: await findInconsistency(snapshot) };
    } catch (error) {
      await fs.close();
      // A name went away between listing and opening.
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** @internal */
  static of(parts: {
    directory: string;
    type: LogSnapshot['type'];
    files: readonly SnapshotFile[];
    index?: WrapIndex | undefined;
    limits?: WrapLimits | undefined;
    end?: LogEnd | undefined;
    owner?: number | undefined;
    remarks: readonly SnapshotRemark[];
    segments?: readonly SegmentRecord[] | undefined;
  }): LogSnapshot {
    const { directory, type, files, index, limits, end, owner, remarks, segments } = parts;
    return new LogSnapshot(directory, type, files, index, limits, end, owner, remarks, segments);
  }
}

async function capture(
  fs: CapturingFileSystem,
  directory: string,
  isOurs: boolean,
): Promise<LogSnapshot | undefined> {
  const names = new LogNames(directory);
  const remarks: SnapshotRemark[] = [];
  const listed = await fs.readdir(directory).catch((error: unknown) => {
    throw isErrno(error, 'ENOENT', 'ENOTDIR') ? new NotALogError(directory, 'does not exist') : error;
  });
  const limits = readSizeFile((await readSmall(names.sizes, MAX_SMALL)) ?? Buffer.alloc(0));
  if ((await sizeOf(names.truncation)) !== undefined) {
    if (!isOurs && (await isBeingTruncated(names))) return undefined;
    const reason =
      'the log was being truncated when its process ended; it counts as empty, the next open finishes it';
    return LogSnapshot.of({
      directory,
      type: 'empty',
      files: [],
      limits,
      remarks: [{ severity: 'note', file: names.truncation, reason }],
    });
  }
  const isWrap = listed.some(
    ({ name, directory: isDirectory }) => !isDirectory && /^log\.[1-9]\d*$/.test(name),
  );
  const numbers = listed.flatMap(({ name, directory: isDirectory }) =>
    isDirectory ? [] : (segmentNumber(name) ?? []),
  );
  const isSingle = numbers.length > 0;
  const end = readLogEnd((await readSmall(names.end, MAX_SMALL)) ?? Buffer.alloc(0));
  if (!isWrap && !isSingle) {
    if (end === undefined) throw new NotALogError(directory, 'holds no log');
    const reason = `the log is missing; log.end tells of ${end.items} item(s) up to byte ${end.end}`;
    const remark = { severity: 'damage' as const, file: directory, reason };
    return LogSnapshot.of({ directory, type: 'empty', files: [], limits, remarks: [remark] });
  }
  const format = isWrap
    ? await formatOfLog(
        names,
        listed.flatMap(({ name }) => wrapNumber(name) ?? []),
      )
    : await formatOfLog(names.asSegmented(), numbers);
  const captured = isWrap
    ? undefined
    : await captureSegments(fs, names.asSegmented(), numbers, format, end, remarks);
  if (captured === 'changing') return undefined;
  const { files, index } = isWrap
    ? await wrapFiles(fs, names, format, remarks, end)
    : captured === undefined
      ? await singleFile(fs, names, format, end)
      : await segmentFiles(captured.files, end);
  // A truncation that began meanwhile may have taken files away before they were listed.
  if ((await sizeOf(names.truncation)) !== undefined) return undefined;
  const owner = !isOurs && files.at(-1)?.status === 'opened' ? liveOwner(names.lock) : undefined;
  const type = isWrap ? 'wrap' : 'single';
  const segments = captured?.records;
  return LogSnapshot.of({ directory, type, files, index, limits, end, owner, remarks, segments });
}

async function wrapFiles(
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
    files.push({ number, name, path, format, handle, size, status, generation, isCurrent, isOurs });
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
  // Erlang's files carry no generations; the times in their entries are the best that is left.
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

async function segmentFiles(
  captured: readonly Omit<SnapshotFile, 'status'>[],
  end: LogEnd | undefined,
): Promise<{ files: SnapshotFile[]; index: undefined }> {
  const files: SnapshotFile[] = [];
  for (const file of captured) {
    const status = statusIn(file.format, await statusOf(file.format, file.handle), file, end);
    files.push({ ...file, status });
  }
  return { files, index: undefined };
}

async function singleFile(
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
  };
  return { files: [file], index: undefined };
}

/** Files that were damaged from the beginning count as Erlang's. */
async function formatOfLog(names: LogNames, numbers: readonly number[]): Promise<LogFormat> {
  for (const number of numbers) {
    // A compaction may take a file away meanwhile; others tell as well.
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

/** As the engine sees it: a file without a head is closed while log.end says so, unless it was written since. */
function statusIn(
  format: LogFormat,
  stated: FileStatus | undefined,
  { number, size, isCurrent }: Pick<SnapshotFile, 'number' | 'size' | 'isCurrent'>,
  end: LogEnd | undefined,
): FileStatus | undefined {
  if (format.headBytes > 0) return stated;
  return !isCurrent || (end?.number === number && size <= end.end) ? 'closed' : 'opened';
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

/** Files from before and after a step of the log, or one that is missing: what does not fit, undefined where all does. */
async function findInconsistency({ files, type }: LogSnapshot): Promise<string | undefined> {
  // The list of segments was the same before and after.
  if (type !== 'wrap') return undefined;
  let known: SnapshotFile | undefined;
  let between = 0;
  for (const file of files) {
    if (file.generation === undefined) {
      between++;
      // Nothing in the file tells its place; at least it must still be the one that has the name.
      if (file.size > file.format.headBytes && !file.isCurrent && !(await file.handle.isNamed()))
        return `${file.name} was overwritten`;
      continue;
    }
    const missing = known === undefined ? 0 : file.generation - known.generation! - between - 1;
    if (missing !== 0) return describeGap(known!, file, missing);
    known = file;
    between = 0;
  }
  return undefined;
}

/** A running process finishes its truncation by itself. */
async function isBeingTruncated(names: LogNames): Promise<boolean> {
  return liveOwner(names.lock) !== undefined && (await sizeOf(names.truncation)) !== undefined;
}

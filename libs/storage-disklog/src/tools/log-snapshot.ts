import { setTimeout as pause } from 'node:timers/promises';
import { type LogEnd, readLogEnd } from '../engine/log-end.js';
import { LogNames, segmentNumber, wrapNumber } from '../engine/names.js';
import type { SegmentRecord } from '../engine/segment-list.js';
import { refuseDirectories } from '../engine/other-log.js';
import { describeGap } from '../engine/wrap-gaps.js';
import { readSizeFile, type WrapIndex, type WrapLimits } from '../format/headers.js';
import { isErrno } from '../io/file-system.js';
import { formatOfLog, segmentFiles, singleFile, wrapFiles } from './captured-files.js';
import { LogChangingError, NotALogError } from './errors.js';
import { liveOwner } from './live-owner.js';
import { CapturingFileSystem, MAX_SMALL, readSmall, sizeOf } from './read-handle.js';
import { readLosses } from './repair-record.js';
import { captureSegments } from './segment-files.js';
import type { SnapshotFile, SnapshotRemark } from './snapshot-file.js';

/** Attempts before giving up on a log that keeps changing. */
const MAX_ATTEMPTS = 500;
/**
 * How often a log, which a living process has had open, must be seen closed before it counts as closed. The attempts
 * take over half a second: a device may well need that long to store that a file is closed.
 */
const LOOKS_AT_CLOSED = 40;

/**
 * The files of a log at one moment, oldest first, each held open. Writes nothing and takes no lock, so it also works
 * on the log of a running broker.
 *
 * It is consistent because closed files never change. Rotation only takes away a file's name, and the open file
 * outlives that. So the only risk is that some files were opened before a rotation and some after it. The generations
 * in the files show that: they must be consecutive. If they are not, all files are opened again.
 */
export class LogSnapshot {
  private constructor(
    readonly directory: string,
    readonly type: 'wrap' | 'single' | 'empty',
    readonly files: readonly SnapshotFile[],
    readonly index: WrapIndex | undefined,
    readonly limits: WrapLimits | undefined,
    readonly end: LogEnd | undefined,
    /** The process that has the log open, if any. */
    readonly owner: number | undefined,
    readonly remarks: readonly SnapshotRemark[],
    /** The records of the segment list, for a compact log of more than one file. */
    readonly segments: readonly SegmentRecord[] | undefined,
  ) {}

  /** The names of the log's files. */
  get names(): LogNames {
    return new LogNames(this.directory, this.segments !== undefined);
  }

  /**
   * @param isOurs the caller holds the log's lock, so that no other process has it open
   * @throws {NotALogError} `NOT_A_LOG`; {@link LogChangingError} `LOG_CHANGING`; `IO_ERROR` if a directory has the
   * name of a file of the log; the system's error
   */
  static async open(directory: string, isOurs = false): Promise<LogSnapshot> {
    let before: string | undefined;
    let looks = 0;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      // Give writers the processor, and time for something to happen between attempts.
      if (attempt > 0) await pause(Math.min(attempt, 20));
      const taken = await LogSnapshot.attempt(directory, isOurs);
      if (taken === undefined) continue;
      const { snapshot, inconsistency } = taken;
      const step = isOurs ? undefined : stepUnderWay(snapshot);
      const odd = inconsistency ?? step;
      if (odd === undefined) return snapshot.withRemarks(snapshot.remarks);
      looks = odd === before ? looks + 1 : 1;
      // A step under way would change something. This is a missing file, or a log that is closed.
      if (inconsistency !== undefined && looks > 1) {
        const gap: SnapshotRemark = { severity: 'damage', file: directory, reason: inconsistency };
        return snapshot.withRemarks([...snapshot.remarks, gap]);
      }
      if (inconsistency === undefined && looks === LOOKS_AT_CLOSED)
        return snapshot.withRemarks(snapshot.remarks);
      before = odd;
      await snapshot.close();
    }
    throw new LogChangingError(directory);
  }

  /** Closes its files. */
  async close(): Promise<void> {
    for (const file of this.files) await file.handle.close();
  }

  /** The same files with these remarks. A loss that a repair has recorded is a note: nothing more can be done. */
  private async withRemarks(given: readonly SnapshotRemark[]): Promise<LogSnapshot> {
    if (given.length === 0) return this;
    const { directory, type, files, index, limits, end, owner, segments } = this;
    const losses = await readLosses(directory).catch(async (error: unknown) => {
      await this.close();
      throw error;
    });
    const remarks = given.map((remark): SnapshotRemark => {
      if (!losses.coversRemark(remark.reason)) return remark;
      return { ...remark, severity: 'note', reason: `${remark.reason}; recorded by a repair` };
    });
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
      // A name disappeared between listing and opening.
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
  refuseDirectories(directory, listed);
  const limits = readSizeFile((await readSmall(names.sizes, MAX_SMALL)) ?? Buffer.alloc(0));
  if ((await sizeOf(names.truncation)) !== undefined) {
    if (!isOurs && (await isBeingTruncated(names))) return undefined;
    const reason =
      'the log was being truncated when its process ended; it counts as empty, and the next open completes the truncation';
    return emptyLog(directory, limits, { severity: 'note', file: names.truncation, reason });
  }
  const present = listed.flatMap(({ name, directory: isDirectory }) => (isDirectory ? [] : [name]));
  const wrapped = present.flatMap((name) => wrapNumber(name) ?? []);
  const segmented = present.flatMap((name) => segmentNumber(name) ?? []);
  const isWrap = wrapped.length > 0;
  const end = readLogEnd((await readSmall(names.end, MAX_SMALL)) ?? Buffer.alloc(0));
  if (!isWrap && segmented.length === 0) {
    if (end === undefined) throw new NotALogError(directory, 'holds no log');
    const reason = `the log is missing; log.end tells of ${end.items} item(s) up to byte ${end.end}`;
    return emptyLog(directory, limits, { severity: 'damage', file: directory, reason });
  }
  const format = isWrap
    ? await formatOfLog(names, wrapped)
    : await formatOfLog(names.asSegmented(), segmented);
  const captured = isWrap
    ? undefined
    : await captureSegments(fs, names.asSegmented(), segmented, format, end, remarks);
  if (captured === 'changing') return undefined;
  const { files, index } = isWrap
    ? await wrapFiles(fs, names, format, remarks, end)
    : captured === undefined
      ? await singleFile(fs, names, format, end)
      : await segmentFiles(captured.files, end);
  // A truncation that began meanwhile may have removed files before they were listed.
  if ((await sizeOf(names.truncation)) !== undefined) return undefined;
  const owner = !isOurs && files.at(-1)?.status === 'opened' ? liveOwner(names.lock) : undefined;
  const type = isWrap ? 'wrap' : 'single';
  const segments = captured?.records;
  return LogSnapshot.of({ directory, type, files, index, limits, end, owner, remarks, segments });
}

function emptyLog(directory: string, limits: WrapLimits | undefined, remark: SnapshotRemark): LogSnapshot {
  return LogSnapshot.of({ directory, type: 'empty', files: [], limits, remarks: [remark] });
}

/**
 * What does not fit, because files from before and after a rotation were mixed or one is missing; undefined if all
 * fit.
 */
async function findInconsistency({ files, type }: LogSnapshot): Promise<string | undefined> {
  // The list of segments was the same before and after.
  if (type !== 'wrap') return undefined;
  let known: SnapshotFile | undefined;
  let between = 0;
  for (const file of files) {
    if (file.generation === undefined) {
      between++;
      // Nothing in the file tells its place; it must at least still be the one that has the name.
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

/**
 * During a rotation there is a moment when no file is open and `log.idx` may be newer than the files. Only time tells
 * that state from a log that is closed.
 */
function stepUnderWay({ files, type, index, names }: LogSnapshot): string | undefined {
  const newest = files.at(-1);
  if (type !== 'wrap' || newest?.status !== 'closed') return undefined;
  const owner = liveOwner(names.lock);
  if (owner === undefined || owner === process.pid) return undefined;
  return `${newest.name} (generation ${newest.generation}) is closed, log.idx names file ${index?.current}`;
}

/** A running process completes its truncation itself. */
async function isBeingTruncated(names: LogNames): Promise<boolean> {
  return liveOwner(names.lock) !== undefined && (await sizeOf(names.truncation)) !== undefined;
}

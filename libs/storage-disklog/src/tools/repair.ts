import { appendFile } from 'node:fs/promises';
import { replaceFile } from '../engine/durable-files.js';
import { LogDirectory } from '../engine/log-directory.js';
import { LogNames } from '../engine/names.js';
import { type SegmentRecord, writeSegmentList } from '../engine/segment-list.js';
import { writeSizeFile, type WrapLimits, writeIndexFile } from '../format/headers.js';
import { internalFormat } from '../format/internal-format.js';
import { nodeFileSystem } from '../io/file-system.js';
import { lockDirectory } from '../io/lock.js';
import { LogSnapshot } from './log-snapshot.js';
import { repairRecordOf, type Loss } from './repair-record.js';
import { extentOf } from './file-steps.js';
import { type RewrittenFile, rewriteFile, quarantine } from './rewrite.js';
import { sizeOf } from './read-handle.js';
import { type Finding, verifyLog, type VerifyReport } from './verify.js';

/** How a log is repaired. */
export interface RepairOptions {
  /** Only report what would be done. */
  readonly dryRun?: boolean;
}

/** What was wrong with a log, and what was done about it. */
export interface RepairReport {
  /** The directory of the log. */
  readonly directory: string;
  /** Whether nothing was changed. */
  readonly dryRun: boolean;
  /** What was wrong. */
  readonly findings: readonly Finding[];
  /** Rewritten files, each with a copy of the original. */
  readonly rewritten: readonly RewrittenFile[];
  /** Bytes of a torn tail that were cut. */
  readonly cutBytes: number;
  /** The log after the repair; for a dry run, as it is. */
  readonly after: VerifyReport;
}

/**
 * Repairs a damaged log: every file keeps its good items and loses its damaged stretches; log.idx, log.siz, log.end
 * and the key indexes are made anew. What cannot be brought back is recorded in `log.repaired`.
 *
 * Nothing is destroyed: a file is copied as `log.N.corrupt` before its successor takes its name in one step. A crash
 * leaves each file as it was or as it will be; running the repair again completes it.
 *
 * @throws `LOCKED` while a process has the log open, `NOT_A_LOG`, the system's error
 */
export async function repairLog(directory: string, options: RepairOptions = {}): Promise<RepairReport> {
  const dryRun = options.dryRun === true;
  if (dryRun) return inspect(directory);
  const names = new LogNames(directory);
  // A directory without a log must not get a lock file.
  await (await LogSnapshot.open(directory)).close();
  const lock = lockDirectory(names.lock, directory);
  try {
    return await new Repair(names).run();
  } finally {
    lock.release();
  }
}

async function inspect(directory: string): Promise<RepairReport> {
  const snapshot = await LogSnapshot.open(directory);
  try {
    const after = await verifyLog(snapshot);
    return { directory, dryRun: true, findings: after.findings, rewritten: [], cutBytes: 0, after };
  } finally {
    await snapshot.close();
  }
}

class Repair {
  private readonly rewritten: RewrittenFile[] = [];
  private cutBytes = 0;

  constructor(private names: LogNames) {}

  async run(): Promise<RepairReport> {
    const { directory } = this.names;
    const { findings, clean } = await this.verified();
    const needed =
      !clean || findings.some(({ severity, offset }) => severity === 'note' && offset !== undefined);
    if (needed) await this.repair(findings);
    const after = needed ? await this.recordLosses() : await this.verified();
    return { directory, dryRun: false, findings, rewritten: this.rewritten, cutBytes: this.cutBytes, after };
  }

  private async repair(findings: readonly Finding[]): Promise<void> {
    const snapshot = await LogSnapshot.open(this.names.directory, true);
    const { names } = snapshot;
    this.names = snapshot.names;
    try {
      if (snapshot.type === 'empty' || snapshot.files.length === 0) return;
      const isNoted = (path: string) =>
        findings.some(({ file, reason }) => file === path && !/^item|^\d+ item/.test(reason));
      for (const file of snapshot.files) {
        const { end, tornBytes } = await extentOf(file);
        if (!isNoted(file.path) && tornBytes === 0) {
          if (isNoted(names.keyIndex(file.number))) await nodeFileSystem.unlink(names.keyIndex(file.number));
          continue;
        }
        const copy = await quarantine(names, file);
        const result = await rewriteFile(names, file, end);
        this.rewritten.push({ ...result, copy, cutBytes: tornBytes });
        this.cutBytes += tornBytes;
      }
      if (snapshot.type === 'wrap') await this.restoreWrapFiles(snapshot);
      if (snapshot.segments !== undefined) await this.restoreSegments(snapshot);
      // `log.end` says where the log ended, and so what is damage. It is needed until all files are final; closing
      // the log below makes a new one.
      await nodeFileSystem.unlink(names.end);
      await this.openAndClose(snapshot);
    } finally {
      await snapshot.close();
    }
  }

  /** The list of segments states their sizes, which may have changed, and names files that may be lost. */
  private async restoreSegments({ files, segments }: LogSnapshot): Promise<void> {
    const { names } = this;
    const records: SegmentRecord[] = [];
    for (const record of segments!) {
      const file = files.find(({ number }) => number === record.number);
      if (file === undefined) continue;
      const isCurrent = file === files.at(-1);
      records.push(isCurrent ? record : { ...record, end: (await sizeOf(file.path)) ?? 0 });
    }
    const bytes = writeSegmentList(records);
    await replaceFile(nodeFileSystem, names.segments, bytes, names.unfinishedSegments, names.directory);
  }

  /** Without log.idx the engine refuses to guess the order, so the index must exist before the log is opened. */
  private async restoreWrapFiles(snapshot: LogSnapshot): Promise<void> {
    const { names } = this;
    const current = snapshot.files.at(-1)!.number;
    if (snapshot.index?.current !== current) {
      const counts = snapshot.index?.counts ?? [];
      const bytes = writeIndexFile({ current, counts });
      await replaceFile(nodeFileSystem, names.index, bytes, names.unfinishedIndex, names.directory);
    }
    if (snapshot.limits !== undefined) return;
    const bytes = writeSizeFile(limitsOf(snapshot));
    await replaceFile(nodeFileSystem, names.sizes, bytes, names.unfinished, names.directory);
  }

  /** Opening builds the indexes and log.idx; closing marks the log closed and records its end. */
  private async openAndClose(snapshot: LogSnapshot): Promise<void> {
    const { names } = this;
    const limits = limitsOf(snapshot);
    const log = await LogDirectory.open(nodeFileSystem, names, {
      type: snapshot.type === 'wrap' ? 'wrap' : snapshot.segments === undefined ? 'halt' : 'compact',
      format: snapshot.files[0]?.format ?? internalFormat,
      maxBytes: snapshot.type === 'wrap' ? limits.maxBytes : Infinity,
      maxFiles: limits.maxFiles,
      repair: 'truncate',
      durable: false,
      base: names.directory,
      onEvent: () => undefined,
    });
    await log.close(log.sequence - 1);
  }

  /** Records what is still missing and cannot be brought back, so that it is not taken for new damage. */
  private async recordLosses(): Promise<VerifyReport> {
    const { findings, clean } = await this.verified();
    if (clean) return this.verified();
    const losses = findings.filter(({ severity, file, reason, sequenceBefore, sequenceAfter }) => {
      const isHole =
        sequenceBefore !== undefined && sequenceAfter !== undefined && sequenceAfter > sequenceBefore;
      return (
        severity === 'damage' && (isHole || (file === this.names.directory && reason.includes('missing')))
      );
    });
    const lines = losses.map(({ file, reason, sequenceBefore = null, sequenceAfter = null }) => {
      const loss: Loss = { at: Date.now(), file, reason, sequenceBefore, sequenceAfter };
      return `${JSON.stringify(loss)}\n`;
    });
    if (lines.length > 0) {
      await appendFile(repairRecordOf(this.names.directory), lines.join(''), { flush: true });
      await nodeFileSystem.syncDirectory(this.names.directory);
    }
    return this.verified();
  }

  private async verified(): Promise<VerifyReport> {
    const snapshot = await LogSnapshot.open(this.names.directory, true);
    try {
      return await verifyLog(snapshot);
    } finally {
      await snapshot.close();
    }
  }
}

/** The limits of the log; if log.siz is lost, limits within which all of it fits. */
export function limitsOf(snapshot: Pick<LogSnapshot, 'limits' | 'files'>): WrapLimits {
  if (snapshot.limits !== undefined && snapshot.limits.maxFiles > 0) return snapshot.limits;
  const largest = Math.max(0, ...snapshot.files.map(({ size }) => size));
  const highest = Math.max(0, ...snapshot.files.map(({ number }) => number));
  return { maxBytes: Math.max(10 << 20, largest), maxFiles: Math.max(10, highest) };
}

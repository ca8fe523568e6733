import { NeedRepairError } from '@genrocks/storage';
import { writeIndexFile, writeSizeFile } from '../format/headers.js';
import type { LogFormat } from '../format/log-format.js';
import type { IndexFooter } from '../index/index-file.js';
import { type FileStamp, type FileSystem, isErrno } from '../io/file-system.js';
import type { DirectoryOptions, FileMaker } from './file-maker.js';
import { LeftSummary } from './left-summary.js';
import { type LogEnd, readLogEnd, SPOILT_END } from './log-end.js';
import type { LogNames } from './names.js';
import { readBeginning } from './other-log.js';
import type { SegmentRecord } from './segment-list.js';
import { findSegments } from './segment-order.js';
import { newGapsBetween } from './wrap-gaps.js';
import { findWrapOrder, type WrapOrder } from './wrap-order.js';

/** A file of the log as known from the directory, before it is opened. */
export interface KnownFile {
  readonly number: number;
  readonly generation: number | undefined;
  readonly size: number;
  /** What the list of segments says. */
  readonly facts?: SegmentRecord;
  /** For a file of a wrap log; taken before the file was examined. */
  readonly stamp?: FileStamp;
  /** The footer of its index, if the summary contains it. */
  readonly footer?: IndexFooter;
}

/** Finds the files of a log and their order, and reports those that are missing. */
export class KnownFiles {
  private readonly fs: FileSystem;
  private readonly names: LogNames;
  private readonly options: DirectoryOptions;
  private readonly format: LogFormat;
  /** Summary of a wrap log's closed files. */
  summary = LeftSummary.empty();
  private end: Promise<LogEnd | undefined> | undefined;
  private endIsSpoilt = false;

  constructor(private readonly maker: FileMaker) {
    this.fs = maker.fs;
    this.names = maker.names;
    this.options = maker.options;
    this.format = maker.options.format;
  }

  /** Oldest first, the current file last. Completes an update of the index that a crash interrupted. */
  async all(): Promise<readonly KnownFile[]> {
    const { fs, names, options } = this;
    if (options.type === 'wrap') return this.wrapFiles();
    const check = (current: number) => this.refuseUnclosed(current);
    const segments = options.type === 'compact' ? await findSegments(fs, names, options, check) : undefined;
    if (segments === undefined) return this.haltFile();
    return segments.map((record) => ({ ...record, facts: record }));
  }

  private async haltFile(): Promise<KnownFile[]> {
    const { fs, names } = this;
    const size = await fs.size(names.halt);
    // Shorter than its head: the process died while creating the file.
    if (size === undefined || size < this.format.headBytes) {
      await this.reportMissing(names.halt, await this.closedEnd());
      return [];
    }
    await this.refuseUnclosed(0);
    return [{ number: 0, generation: undefined, size }];
  }

  private async wrapFiles(): Promise<readonly KnownFile[]> {
    const { names } = this;
    this.summary = await LeftSummary.read(this.fs, names);
    let { order, gaps } = await this.wrapOrder();
    if (order.indexIsStale || gaps.length > 0) {
      // If anything is odd, examine every file itself.
      this.summary = LeftSummary.empty();
      ({ order, gaps } = await this.wrapOrder());
    }
    const current = order.files.at(-1);
    // A file gets its name before the index names it, so a crash cannot leave the index naming a missing file.
    const missing = order.index?.current;
    if (missing !== undefined && !order.files.some(({ number }) => number === missing)) {
      const end = await this.closedEnd();
      if (current !== undefined || end !== undefined) await this.reportMissing(names.file(missing), end);
    }
    if (current !== undefined) {
      await this.refuseUnclosed(current.number);
      if (order.indexIsStale) {
        const counts = order.index?.counts ?? [];
        await this.maker.put(
          names.index,
          writeIndexFile({ current: current.number, counts }),
          names.unfinishedIndex,
        );
      }
    }
    for (const reason of gaps) {
      this.options.onEvent({ type: 'damaged', file: names.directory, offset: 0, length: 0, reason });
    }
    await this.writeLimits();
    return order.files;
  }

  private async wrapOrder(): Promise<{ order: WrapOrder; gaps: readonly string[] }> {
    const { fs, names } = this;
    const order = await findWrapOrder(fs, names, this.format, this.summary);
    return { order, gaps: await newGapsBetween(fs, names, order.files) };
  }

  /** With `repair: false`, refuses a log that was not closed. */
  private async refuseUnclosed(number: number): Promise<void> {
    if (this.options.repair === false && !(await this.isClosed(number)))
      throw new NeedRepairError(this.names.file(number));
  }

  /** Whether the log was closed after the last write to this file, which is the current one. */
  async isClosed(number: number): Promise<boolean> {
    const path = this.names.file(number);
    const { headBytes } = this.format;
    if (headBytes > 0)
      return this.format.readStatus(await readBeginning(this.fs, path, headBytes)) === 'closed';
    // A file without a head is closed while log.end exists, unless somebody else has written beyond that end.
    const end = await this.closedEnd();
    return end?.number === number && end.opened !== true && ((await this.fs.size(path)) ?? 0) <= end.end;
  }

  private async writeLimits(): Promise<void> {
    const bytes = writeSizeFile({ maxBytes: this.options.maxBytes, maxFiles: this.options.maxFiles });
    const old = await this.fs.readFile(this.names.sizes).catch(() => undefined);
    if (old === undefined || !old.equals(bytes)) await this.maker.put(this.names.sizes, bytes);
  }

  /** Where the log ended when it was last closed. Read once; reports a damaged record. */
  closedEnd(): Promise<LogEnd | undefined> {
    return (this.end ??= this.readEnd());
  }

  private async readEnd(): Promise<LogEnd | undefined> {
    const file = this.names.end;
    const bytes = await this.fs.readFile(file).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    });
    const end = bytes && readLogEnd(bytes);
    if (bytes === undefined || end !== undefined) return end;
    // The record is renamed into place whole, so no crash leaves this. What it said of the end is lost.
    this.endIsSpoilt = true;
    this.options.onEvent({ type: 'damaged', file, offset: 0, length: bytes.length, reason: SPOILT_END });
    return undefined;
  }

  /** Reports a file that should exist but is missing, or too short to be read. */
  private async reportMissing(path: string, end: LogEnd | undefined): Promise<void> {
    // Without any trace of a closed log, the process died while creating the log.
    if (end === undefined && path === this.names.halt && !this.endIsSpoilt) return;
    const reason = 'the file is missing';
    this.options.onEvent({ type: 'damaged', file: path, offset: 0, length: end?.end ?? 0, reason });
  }
}

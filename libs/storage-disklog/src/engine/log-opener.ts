import { NeedRepairError } from '@genrocks/storage';
import type { LogFormat } from '../format/log-format.js';
import type { FileHandle, FileSystem } from '../io/file-system.js';
import { PooledFile } from '../io/handle-pool.js';
import { writeAll } from '../io/write-all.js';
import type { CurrentFile } from './current-file.js';
import type { DirectoryOptions, FileMaker } from './file-maker.js';
import {
  describeEarlierUse,
  endIsMissing,
  isEarlierUse,
  type KnownEnd,
  type LogEnd,
  storedWhenClosed,
  writeLogEnd,
} from './log-end.js';
import { type KnownFile, KnownFiles } from './known-files.js';
import type { LeftFiles } from './left-files.js';
import { type Damage, LogFile } from './log-file.js';
import type { LogNames } from './names.js';
import { refuseOtherLog } from './other-log.js';
import { quarantine } from './quarantine.js';
import type { LeftFacts } from './segments.js';
import { recoverFile, type RecoveredFile } from './recovery.js';
import { TimeSlices } from './time-slices.js';

/** What opening a log found and did. */
export interface Recovery {
  /** The log had not been closed. */
  readonly repaired: boolean;
  readonly items: number;
  readonly badBytes: number;
  readonly ms: number;
}

/**
 * Opens a log: finds its files and their order, completes what a crash interrupted, reads the current file, and opens
 * the rest by their indexes.
 */
export class LogOpener {
  current: CurrentFile | undefined;
  /** Oldest first; the last one is the current file. */
  files: LogFile[] = [];
  /** Sequence number of the next item. */
  sequence = 1;
  /** Generation of the newest file the log has had; above the current file's if that newest file is lost. */
  generation = 0;
  recovery!: Recovery;
  /** For the closed segments of a compact log. */
  readonly leftFacts = new Map<LogFile, LeftFacts>();
  /** Files that were opened without being examined. */
  readonly unseen: LogFile[] = [];
  private readonly fs: FileSystem;
  private readonly names: LogNames;
  private readonly options: DirectoryOptions;
  private readonly format: LogFormat;
  private readonly found: KnownFiles;
  private known: readonly KnownFile[] = [];
  private isNewestLost = false;

  constructor(
    private readonly maker: FileMaker,
    private readonly left: LeftFiles,
  ) {
    this.fs = maker.fs;
    this.names = maker.names;
    this.options = maker.options;
    this.format = maker.options.format;
    this.found = new KnownFiles(maker);
  }

  async open(): Promise<void> {
    const started = performance.now();
    const { fs, names, options } = this;
    await refuseOtherLog(fs, names, options);
    if ((await fs.size(names.truncation)) !== undefined) {
      if (options.repair === false) throw new NeedRepairError(names.directory);
      await this.maker.finishTruncation();
    }
    const known = (this.known = await this.found.all());
    const { unfinished, unfinishedIndex, compacted, unfinishedSegments } = names;
    for (const path of [unfinished, unfinishedIndex, compacted, unfinishedSegments]) await fs.unlink(path);
    const current = known.at(-1);
    if (current === undefined) return this.create(started);
    await this.openLeft(known.slice(0, -1));
    this.left.keepSummary(this.found.summary);
    const { badBytes, status } = await this.openCurrent(current);
    const items = this.files.reduce((sum, file) => sum + file.entries, 0);
    // If the last process died before it synced the names, they may be in the page cache only.
    if (status !== 'closed') await fs.syncDirectory(names.directory);
    this.recovery = { repaired: status !== 'closed', items, badBytes, ms: performance.now() - started };
    if (this.recovery.repaired) options.onEvent({ type: 'recovered', items, badBytes, ms: this.recovery.ms });
  }

  /** Releases everything after a failed opening. */
  async abandon(): Promise<void> {
    await this.left.settled();
    await this.current?.abandon();
    for (const file of this.files.splice(0)) await file.release();
  }

  private async create(started: number): Promise<void> {
    await this.fs.syncNames(this.names.directory, this.options.base);
    await this.fs.unlink(this.names.end);
    await this.maker.createFirst();
    this.current = await this.maker.openEmpty(this.maker.firstNumber, 1);
    this.files = [this.current.file];
    this.recovery = { repaired: false, items: 0, badBytes: 0, ms: performance.now() - started };
  }

  private async openLeft(known: readonly KnownFile[]): Promise<void> {
    const slices = new TimeSlices();
    for (const left of known) {
      if (slices.isOver) await slices.pause();
      const { number, generation, size, stamp, footer, facts } = left;
      const opened = this.left.open(number, generation, size, footer);
      if (opened !== undefined) {
        this.files.push(opened.file);
        this.sequence = Math.max(this.sequence, opened.footer.lastSequence + 1);
        if (footer !== undefined) this.unseen.push(opened.file);
        else if (stamp !== undefined) this.found.summary.renew(number, opened.footer, stamp);
      } else {
        const knownEnd = facts ?? this.left.knownEnd(number);
        const { file, recovered } = await this.recover(left, false, knownEnd);
        await this.left.rebuild(file, recovered);
      }
      if (facts === undefined) continue;
      this.sequence = Math.max(this.sequence, facts.lastSequence + 1);
      this.leftFacts.set(this.files.at(-1)!, facts);
    }
  }

  private async openCurrent(known: KnownFile): Promise<RecoveredFile> {
    const closedEnd = await this.found.closedEnd();
    const { file, recovered } = await this.recover(known, true, closedEnd);
    const { keys, badBytes, end } = recovered;
    const writer = await this.maker.openWriter(file.path);
    try {
      // An interrupted write may be whole, but only in the page cache. From here on it counts as stored: hence the sync.
      if (badBytes > 0) await writer.truncate(end);
      await this.keepEnd(closedEnd, file, recovered);
      await this.markOpened(file, writer, known.size);
      await writer.sync();
    } catch (error) {
      await writer.close();
      throw error;
    }
    const size = badBytes > 0 || !this.format.zerosAhead ? file.end : known.size;
    this.current = this.maker.makeCurrent(file, keys, writer, size);
    return recovered;
  }

  /** Keeps `log.end` valid until what follows that end vouches for it; it must not be applied to any other file. */
  private async keepEnd(
    known: LogEnd | undefined,
    file: LogFile,
    { generation, status }: RecoveredFile,
  ): Promise<void> {
    const { fs, names } = this;
    const stored = storedWhenClosed(known, file.number, generation);
    if (this.format.headBytes > 0) {
      const isOver = known?.number === file.number && stored === 0 && status === 'opened';
      if (isOver && !this.isNewestLost) await fs.unlink(names.end);
      return;
    }
    const isSpoilt = stored > 0 && file.damage.some((damage) => damage.end >= file.end);
    if (isSpoilt || this.isNewestLost)
      return this.maker.put(names.end, writeLogEnd({ ...known!, opened: true }));
    await fs.unlink(names.end);
    await fs.syncDirectory(names.directory);
  }

  private async markOpened(file: LogFile, writer: FileHandle, size: number): Promise<void> {
    const head = this.format.fileHead('opened');
    if (head.length > 0) {
      await writeAll(writer, head, 0);
      return;
    }
    // Zeros left by a crash do no harm among items with a head, but a file without one is read by others.
    if (size > file.end) await writer.truncate(file.end);
    // Damage at the end stays; the next line must not become part of it.
    const last = Buffer.alloc(1);
    if (file.end > 0) await file.handle.read(last, 0, 1, file.end - 1);
    if (file.end > 0 && last.toString() !== '\n') {
      await writeAll(writer, Buffer.from('\n'), file.end);
      file.end++;
    }
  }

  /** Reads a file from end to end. */
  private async recover(
    known: KnownFile,
    isCurrent: boolean,
    knownEnd: KnownEnd | undefined,
  ): Promise<{ file: LogFile; recovered: RecoveredFile }> {
    const { number, size, facts } = known;
    const stored = (generation: number | undefined) => storedWhenClosed(knownEnd, number, generation);
    const path = this.names.file(number);
    const handle = new PooledFile(this.fs, path);
    try {
      const recovered = await recoverFile(handle, path, size, {
        format: this.format,
        mayBeTorn: isCurrent,
        knownOurs: knownEnd?.number === number,
        storedTo: stored,
        wasClosed: !isCurrent || (await this.found.isClosed(number)),
      });
      const generation =
        recovered.generation ?? facts?.generation ?? (this.files.at(-1)?.generation ?? 0) + 1;
      this.sequence = Math.max(this.sequence, (recovered.lastSequence ?? 0) + 1);
      // Sequence numbers are not reused, not even those of lost items.
      if (stored(recovered.generation) > 0)
        this.sequence = Math.max(this.sequence, knownEnd!.lastSequence + 1);
      const { keys, end, items, entries } = recovered;
      const damage = [
        ...recovered.damage,
        ...endIsMissing(knownEnd, path, number, recovered),
        ...(isCurrent ? await this.lostWithNewest(number, recovered) : []),
      ].sort((a, b) => a.start - b.start);
      const { format } = this;
      const { onEvent } = this.options;
      for (const { file, start, end, reason } of damage) {
        onEvent({ type: 'damaged', file, offset: start, length: end - start, reason });
      }
      const isDamaged = damage.some((stretch) => stretch.file === path);
      await quarantine(this.fs, this.names, number, isDamaged, recovered.cutNeedsCopy);
      const counts = [end, items, entries] as const;
      const file = new LogFile(path, number, generation, format, handle, keys, ...counts, damage, onEvent);
      this.files.push(file);
      return { file, recovered };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Damage for what followed the current file, if `log.end` knows a later file than those present. The lost sequence
   * numbers are not reused, so the loss remains visible.
   */
  private async lostWithNewest(
    current: number,
    { generation, end, lastSequence }: RecoveredFile,
  ): Promise<Damage[]> {
    const known = await this.found.closedEnd();
    const found =
      known?.number === current
        ? generation
        : this.known.find(({ number }) => number === known?.number)?.generation;
    if (known === undefined || !isEarlierUse(known, known.number, found)) return [];
    this.isNewestLost = true;
    this.generation = known.generation;
    this.sequence = Math.max(this.sequence, known.lastSequence + 1);
    const file = this.names.file(known.number);
    const [reason, sequenceAfter] = [describeEarlierUse(known), known.lastSequence + 1];
    // Once newer items follow, nothing is refused any more, as with other missing stretches.
    const at = (lastSequence ?? 0) > known.lastSequence ? this.format.headBytes : end;
    return [{ file, start: at, end: at, reason, sequenceBefore: lastSequence, sequenceAfter, missing: true }];
  }
}

import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileHead, writeIndexFile, writeSizeFile } from '../format/headers.js';
import { termSize, writeTerm } from '../format/entry.js';
import { TRAILER_SIZE } from '../format/item.js';
import type { LogFormat } from '../format/log-format.js';
import { DurableWriter, StagedDirectory, writeDurably } from './durable.js';
import { type FileStep, extentOf, stepsOf } from './file-steps.js';
import { LogSnapshot } from './log-snapshot.js';
import { findPartitions, type PartitionDirectory } from './partitions.js';
import type { SnapshotFile, SnapshotRemark } from './snapshot-file.js';
import { limitsOf } from './repair.js';
import type { Damage } from '../engine/log-file.js';

/** What was written for Erlang. */
export interface ExportReport {
  /** Directory of the exported log. */
  readonly directory: string;
  /** The type to open it as. */
  readonly type: 'wrap' | 'halt';
  /** Number of its files. */
  readonly files: number;
  /** Number of its items; a batch of entries is one item. */
  readonly items: number;
  /** Number of its entries. */
  readonly entries: number;
  /** The limits to open a wrap log with: `{size, {MaxNoBytes, MaxNoFiles}}`. */
  readonly limits?: { readonly maxNoBytes: number; readonly maxNoFiles: number };
  /** What could not be read, and is not in the copy. */
  readonly damage: readonly Damage[];
  /** What is wrong or odd about the log as a whole, such as a missing file. */
  readonly remarks: readonly SnapshotRemark[];
}

/**
 * Writes the log into a new directory as Erlang's own `disk_log` would have: plain items, closed, nothing of ours.
 * Erlang opens it without repair. A halt or compact log becomes a halt log, a wrap log becomes a wrap log with the
 * same files; JSON lines become terms.
 *
 * @throws {TargetNotEmptyError} `TARGET_NOT_EMPTY`; `LOCKED` while another export to `target` runs; the system's error
 */
export async function exportLog(snapshot: LogSnapshot, target: string): Promise<ExportReport> {
  const directory = resolve(target);
  return staged(directory, async (path) => ({ ...(await new Export(snapshot, path).run()), directory }));
}

/** What was exported of one partition. */
export interface ExportedPartition extends ExportReport {
  /** Its topic, by its path. */
  readonly topic: string;
  /** Its number, from 0. */
  readonly partition: number;
}

/**
 * Exports every partition at or below a directory, as {@link exportLog} does, to the same place below `target`. In
 * the end `target` has all of it, or nothing.
 *
 * @param onOwner called for a partition that another process has open; what that process writes from now on is left
 * out
 * @throws {NotALogError} `NOT_A_LOG`
 * @throws {TargetNotEmptyError} `TARGET_NOT_EMPTY`; `LOCKED` while another export to `target` runs; the system's
 * error
 */
export async function exportLogs(
  directory: string,
  target: string,
  onOwner: (partition: PartitionDirectory, pid: number) => void = () => undefined,
): Promise<ExportedPartition[]> {
  const found = await findPartitions(directory);
  const to = resolve(target);
  return staged(to, async (path) => {
    const reports: ExportedPartition[] = [];
    for (const source of found) {
      const snapshot = await LogSnapshot.open(source.directory);
      try {
        if (snapshot.owner !== undefined) onOwner(source, snapshot.owner);
        const own = join(path, source.path);
        await mkdir(own, { recursive: true });
        const report = await new Export(snapshot, own).run();
        const { topic, partition } = source;
        reports.push({ topic, partition, ...report, directory: join(to, source.path) });
      } finally {
        await snapshot.close();
      }
    }
    return reports;
  });
}

/** Fills a staged directory and publishes it. */
async function staged<T>(target: string, fill: (path: string) => Promise<T>): Promise<T> {
  const remedy = 'name a new directory';
  const directory = await StagedDirectory.create(target, 'exporting', { mayReplace: false, remedy });
  try {
    const result = await fill(directory.path);
    await directory.publish();
    return result;
  } catch (error) {
    await directory.abandon();
    throw error;
  }
}

class Export {
  private readonly damage: Damage[] = [];
  private readonly counts: number[] = [];
  private entries = 0;
  private largest = 0;

  constructor(
    private readonly snapshot: LogSnapshot,
    private readonly target: string,
  ) {}

  async run(): Promise<Omit<ExportReport, 'directory'>> {
    const { snapshot, counts, damage } = this;
    const isWrap = snapshot.type === 'wrap' || (snapshot.type === 'empty' && snapshot.limits !== undefined);
    if (isWrap) for (const file of snapshot.files) await this.write([file], `log.${counts.length + 1}`);
    else if (snapshot.files.length > 0) await this.write(snapshot.files, 'log');
    if (counts.length === 0) await this.writeEmpty(isWrap ? 'log.1' : 'log');
    const items = counts.reduce((sum, count) => sum + count, 0);
    const type = isWrap ? ('wrap' as const) : ('halt' as const);
    const report = {
      type,
      files: counts.length,
      items,
      entries: this.entries,
      damage,
      remarks: snapshot.remarks,
    };
    return isWrap ? { ...report, limits: await this.writeWrapFiles() } : report;
  }

  private async write(files: readonly SnapshotFile[], name: string): Promise<void> {
    const writer = await DurableWriter.create(join(this.target, name));
    let count = 0;
    try {
      await writer.write(fileHead('closed'));
      for (const file of files) count += await this.writeItems(file, writer);
      await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    this.counts.push(count);
    this.largest = Math.max(this.largest, writer.position);
  }

  private async writeItems(file: SnapshotFile, writer: DurableWriter): Promise<number> {
    const { end } = await extentOf(file);
    let count = 0;
    for await (const step of stepsOf(file, end)) {
      if (step.type === 'damage') {
        this.damage.push(step.damage);
        continue;
      }
      await writer.write(plainItem(file.format, step));
      this.entries += step.item.entries.length;
      count++;
    }
    return count;
  }

  private async writeEmpty(name: string): Promise<void> {
    await writeDurably(join(this.target, name), fileHead('closed'));
    this.counts.push(0);
  }

  private async writeWrapFiles(): Promise<{ maxNoBytes: number; maxNoFiles: number }> {
    const { counts } = this;
    const limits = limitsOf(this.snapshot);
    const maxFiles = Math.max(limits.maxFiles, counts.length);
    await writeDurably(join(this.target, 'log.idx'), writeIndexFile({ current: counts.length, counts }));
    await writeDurably(join(this.target, 'log.siz'), writeSizeFile({ maxBytes: limits.maxBytes, maxFiles }));
    return { maxNoBytes: limits.maxBytes, maxNoFiles: maxFiles };
  }
}

const MAGIC = Buffer.from('bWLA', 'latin1');
/** From this size on, Erlang puts an MD5 of the size between magic and term. */
const MD5_FROM = 65528;

/** An item as Erlang writes it: the term alone. */
function plainItem(format: LogFormat, step: Extract<FileStep, { type: 'item' }>): Buffer {
  const term = termOf(format, step);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(term.length);
  if (term.length < MD5_FROM) return Buffer.concat([size, MAGIC, term]);
  return Buffer.concat([size, MAGIC, createHash('md5').update(size).digest(), term]);
}

function termOf(format: LogFormat, { item, frame, bytes }: Extract<FileStep, { type: 'item' }>): Buffer {
  if (format.name === 'internal') {
    const end = bytes.length - (item.trailer === undefined ? 0 : TRAILER_SIZE);
    return bytes.subarray(frame.termStart - frame.start, end);
  }
  const { entries } = item;
  const term = Buffer.alloc(termSize(entries));
  writeTerm(entries, entries[0]!.timestamp, term, 0);
  return term;
}

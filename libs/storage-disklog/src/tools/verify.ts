import { readIndexFile, readSizeFile } from '../format/headers.js';
import { describeEarlierUse, endIsMissing, isEarlierUse, SPOILT_END } from '../engine/log-end.js';
import type { LogNames } from '../engine/names.js';
import { extentOf, stepsOf } from './file-steps.js';
import type { LogSnapshot } from './log-snapshot.js';
import type { SnapshotFile } from './snapshot-file.js';
import { readSmall } from './read-handle.js';
import { readLosses } from './repair-record.js';
import { SequenceCheck } from './sequence-check.js';
import { EndCheck } from './end-check.js';
import { indexFacts, verifyKeyIndex } from './verify-index.js';

/**
 * Something that is not as it should be. `damage`: data may be lost or wrong. `note`: worth knowing, nothing is
 * wrong.
 */
export interface Finding {
  /** `damage`: something is wrong or missing. `note`: odd, or known because a repair has recorded it. */
  readonly severity: 'damage' | 'note';
  /** The path of the file, or of the log's directory. */
  readonly file: string;
  /** Where in the file it begins, in bytes; absent if it concerns the whole file. */
  readonly offset?: number;
  /** Length in bytes. */
  readonly length?: number;
  /** What is wrong. */
  readonly reason: string;
  /** Sequence number of the item before it, if that carries one. */
  readonly sequenceBefore?: number;
  /** Sequence number of the item after it, if that carries one. */
  readonly sequenceAfter?: number;
}

/** What a log contains, and what is wrong with it. */
export interface VerifyReport {
  /** The directory of the log. */
  readonly directory: string;
  /** `single`: one file, or segments, of a halt or compact log. `empty`: nothing was written yet. */
  readonly type: LogSnapshot['type'];
  /** The process that has the log open. What it writes after the start is not checked. */
  readonly openIn?: number;
  /** Number of files. */
  readonly files: number;
  /** Bytes of all files, up to their last items. */
  readonly bytes: number;
  /** Good items; a batch of entries is one item. */
  readonly items: number;
  /** Entries in its good items. */
  readonly entries: number;
  /** Items without a checksum, as Erlang writes them: readable, but nothing tells whether they are right. */
  readonly unverifiedItems: number;
  /** What is wrong or odd, in the order of the files. */
  readonly findings: readonly Finding[];
  /** Whether no finding is damage. */
  readonly clean: boolean;
}

/** Checks everything the files of a log say, against itself and each other. Only reads. */
export async function verifyLog(snapshot: LogSnapshot): Promise<VerifyReport> {
  return new Verification(snapshot).run();
}

class Verification {
  private readonly findings: Finding[] = [];
  private readonly names: LogNames;
  private items = 0;
  private entries = 0;
  private unverified = 0;
  private bytes = 0;

  constructor(private readonly log: LogSnapshot) {
    this.names = log.names;
  }

  async run(): Promise<VerifyReport> {
    const { log, findings } = this;
    const losses = await readLosses(log.directory);
    findings.push(...log.remarks);
    const counts = new Map<number, number>();
    const sequence = new SequenceCheck(log.type === 'wrap', losses);
    for (const file of log.files) counts.set(file.number, await this.verifyFile(file, sequence));
    if (log.type === 'wrap') await this.verifyWrapFiles(counts);
    if (log.type !== 'empty') await this.verifyEnd();
    const { items, entries, unverified: unverifiedItems, bytes } = this;
    if (unverifiedItems > 0)
      this.note(log.directory, `${unverifiedItems} item(s) without a checksum, as Erlang writes them`);
    const report = {
      directory: log.directory,
      type: log.type,
      files: log.files.length,
      bytes,
      items,
      entries,
    };
    const clean = !findings.some(({ severity }) => severity === 'damage');
    const openIn = log.owner === undefined ? {} : { openIn: log.owner };
    return { ...report, ...openIn, unverifiedItems, findings, clean };
  }

  private async verifyFile(file: SnapshotFile, sequence: SequenceCheck): Promise<number> {
    const { path, status, isCurrent } = file;
    const { end, tornBytes } = await extentOf(file);
    const index = isCurrent ? undefined : await verifyKeyIndex(this.names, file, this.log.owner);
    const atEnd = new EndCheck(file, this.log.end);
    sequence.enter(path, file.generation);
    let items = 0;
    let lastEnd = file.format.headBytes;
    let generation: number | undefined;
    let hasGaps = status === undefined;
    for await (const step of stepsOf(file, end)) {
      if (step.type === 'damage') {
        const { damage } = step;
        this.damage(path, damage.start, damage.end - damage.start, damage.reason, damage);
        sequence.expectGap();
        hasGaps = true;
        continue;
      }
      const { item, frame } = step;
      items++;
      this.entries += item.entries.length;
      if (item.trailer === undefined) this.unverified++;
      else generation = item.trailer.generation;
      const problem = sequence.next(item.trailer, frame.start);
      if (problem !== undefined) this.findings.push(problem);
      index?.check(item, frame);
      atEnd.check(item, frame);
      lastEnd = frame.end;
    }
    this.items += items;
    this.bytes += lastEnd;
    if (tornBytes > 0 && this.log.owner === undefined)
      this.note(
        path,
        'torn tail of a log that was not closed: never acknowledged, the next open cuts it',
        end,
        tornBytes,
      );
    if (status === 'unknown') this.note(path, 'its head is marked neither opened nor closed');
    // A running log may have closed it since it was opened here.
    if (!isCurrent && status === 'opened' && this.log.owner === undefined)
      this.note(path, 'an older file that is not marked closed');
    const other = hasGaps ? undefined : atEnd.finish(lastEnd);
    if (other !== undefined) this.damage(path, 0, lastEnd, other);
    if (index !== undefined) this.findings.push(...index.finish({ end: lastEnd, items, hasGaps }));
    await this.verifyReach(file, { status, generation, items, end: lastEnd });
    return items;
  }

  /** A file cut exactly between two items looks whole; a record of its end shows the loss. */
  private async verifyReach(
    file: SnapshotFile,
    found: { status: SnapshotFile['status']; generation: number | undefined; items: number; end: number },
  ): Promise<void> {
    const { end } = this.log;
    if (isEarlierUse(end, file.number, found.generation))
      this.damage(file.path, 0, found.end, describeEarlierUse(end));
    const record = this.log.segments?.find(({ number }) => number === file.number);
    const known = file.isCurrent ? end : (record ?? (await indexFacts(this.names, file.number)));
    for (const { start, end, reason, sequenceAfter } of endIsMissing(known, file.path, file.number, found)) {
      this.damage(file.path, start, end - start, reason, { sequenceAfter });
    }
  }

  private async verifyWrapFiles(counts: ReadonlyMap<number, number>): Promise<void> {
    const { log, names } = this;
    const bytes = await readSmall(names.index, 1 << 20);
    const index = bytes === undefined ? undefined : readIndexFile(bytes);
    if (index === undefined)
      this.damage(names.index, 0, bytes?.length ?? 0, bytes === undefined ? 'missing' : 'not an index file');
    else if (log.owner === undefined) this.verifyIndexFile(index.current, index.counts, counts);
    const sizes = await readSmall(names.sizes, 1 << 10);
    if (sizes === undefined || readSizeFile(sizes) === undefined)
      this.damage(names.sizes, 0, sizes?.length ?? 0, sizes === undefined ? 'missing' : 'not a size file');
  }

  private verifyIndexFile(
    named: number,
    stated: readonly number[],
    counts: ReadonlyMap<number, number>,
  ): void {
    const { log, names } = this;
    const current = log.files.at(-1);
    if (current !== undefined && named !== current.number) {
      const reason = `names file ${named} as the current one, but according to the files it is ${current.number}`;
      // A crash between naming the new file and switching the index leaves exactly this, and the next open corrects
      // it.
      if (current.status === 'opened') this.note(names.index, `${reason}; the next open corrects it`);
      else this.damage(names.index, 6, 4, reason);
    }
    for (const { number, isCurrent } of log.files) {
      const count = stated[number - 1];
      if (isCurrent || count === undefined || count === 0 || count === counts.get(number)) continue;
      this.note(names.index, `counts ${count} items in file ${number}, there are ${counts.get(number)}`);
    }
  }

  private async verifyEnd(): Promise<void> {
    const { names, log } = this;
    const bytes = await readSmall(names.end, 1 << 10);
    if (bytes !== undefined && log.end === undefined && log.owner === undefined)
      this.damage(names.end, 0, bytes.length, SPOILT_END);
  }

  private damage(
    file: string,
    offset: number,
    length: number,
    reason: string,
    around: { sequenceBefore?: number | undefined; sequenceAfter?: number | undefined } = {},
  ): void {
    const { sequenceBefore, sequenceAfter } = around;
    this.findings.push({
      severity: 'damage',
      file,
      offset,
      length,
      reason,
      ...(sequenceBefore === undefined ? {} : { sequenceBefore }),
      ...(sequenceAfter === undefined ? {} : { sequenceAfter }),
    });
  }

  private note(file: string, reason: string, offset?: number, length?: number): void {
    const place = offset === undefined ? {} : { offset, length };
    this.findings.push({
      severity: 'note',
      file,
      ...(place as { offset?: number; length?: number }),
      reason,
    });
  }
}

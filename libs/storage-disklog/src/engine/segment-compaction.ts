import type { Entry, Slot } from '../format/entry.js';
import { IndexDamagedError } from '../index/indexed-keys.js';
import { writeIndex } from '../index/index-file.js';
import { UnfinishedStepError } from './durable-files.js';
import type { FileMaker } from './file-maker.js';
import { KeyProbe } from './key-probe.js';
import type { LogDirectory } from './log-directory.js';
import type { LogFile } from './log-file.js';
import type { LogWriter } from './log-writer.js';
import { SegmentWriter } from './segment-writer.js';
import type { Segments } from './segments.js';
import { Window } from './window.js';

/** Thrown to end a compaction that is no longer wanted; nothing of the log has changed by it. */
class StoppedError extends Error {}

/** A merged segment that is stored, and not yet part of the log. */
interface Merged {
  readonly number: number;
  readonly end: number;
  readonly items: number;
  readonly lastSequence: number;
}

/**
 * Merges the left segments of a compact log, from the oldest on, into ones without what newer segments have made
 * outdated.
 *
 * An entry stays if no segment that was left later, and nothing later in its own, has its key. What is still being
 * written does not count, since it may not be stored yet. A tombstone always goes: the older segments were merged first,
 * and have nothing left of what it hides. Segments are read and written in the order of the log, so
 * the log keeps its order. Some neighbours at a time take the place of others in one step, so a crash anywhere leaves
 * the log as it was before or after such a step, and the extra space is that of one group, not of the log.
 *
 * In memory are the keys of the one segment being written; of all others only their indexes are asked.
 */
export class SegmentCompaction {
  private readonly held: LogFile[] = [];

  constructor(
    private readonly log: LogDirectory,
    private readonly maker: FileMaker,
    private readonly segments: Segments,
    private readonly writer: LogWriter,
    private readonly options: {
      /** A merged segment is closed at this size. */
      readonly segmentBytes: number;
      readonly isStopped: () => boolean;
    },
  ) {}

  async run(): Promise<void> {
    await this.log.left.settled();
    const inputs = this.segments.left;
    for (const file of inputs) this.held.push(file.hold());
    try {
      for (let from = 0; from < inputs.length;) from = await this.mergeGroup(inputs, from);
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
    } finally {
      for (const file of this.held) await file.release();
    }
  }

  /** Merges segments from an index on until there is a whole one; answers where to go on. */
  private async mergeGroup(inputs: readonly LogFile[], from: number): Promise<number> {
    const started = performance.now();
    const outputs = new Outputs(this.maker, this.segments, this.options.segmentBytes);
    try {
      let next = from;
      do {
        await this.copy(inputs[next]!, inputs.slice(next + 1), outputs);
        next++;
      } while (next < inputs.length && outputs.bytes < this.options.segmentBytes / 2);
      const group = inputs.slice(from, next);
      const before = { bytes: sum(group, ({ end }) => end), entries: sum(group, ({ entries }) => entries) };
      if (outputs.entries === before.entries && group.length === 1) {
        // Nothing to gain: the segment stays as it is.
        await outputs.discard();
        this.segments.markClean(group[0]!);
      } else {
        await this.commit(group, outputs);
        this.log.reportCompaction(outputs.entries, before.bytes, outputs.bytes, performance.now() - started);
      }
      return next;
    } catch (error) {
      await outputs.discard();
      throw error;
    }
  }

  private async commit(group: readonly LogFile[], outputs: Outputs): Promise<void> {
    const merged = await outputs.finish();
    const files: { file: LogFile; lastSequence: number }[] = [];
    let isReplaced = false;
    try {
      for (const { number, end, lastSequence } of merged)
        files.push({ file: await this.log.left.openOrRead(number, number, end), lastSequence });
      await this.writer.exclusive(async () => {
        if (this.writer.failed !== undefined) throw this.writer.failed;
        isReplaced = await this.segments.replace(group, files).catch((error: unknown) => {
          // The list may name them already; the next open decides what stays.
          if (error instanceof UnfinishedStepError) outputs.keep();
          throw error;
        });
      });
    } finally {
      if (isReplaced) outputs.keep();
      else for (const { file } of files) await file.release();
    }
    // A truncation came first.
    if (!isReplaced) throw new StoppedError();
  }

  /** Copies what is still needed of a segment. */
  private async copy(source: LogFile, newer: readonly LogFile[], outputs: Outputs): Promise<void> {
    const [damage] = source.damage;
    if (damage !== undefined) throw source.corrupt(damage.start, damage.end - damage.start, damage.reason);
    const window = new Window(source.handle, source.end);
    for (let at = source.format.headBytes; at < source.end;) {
      if (this.options.isStopped() || !this.log.files.includes(source)) throw new StoppedError();
      const found = await source.format.itemAt(window, at);
      if ('reason' in found) throw source.rotten(at, source.end - at, found.reason);
      const { item, frame } = found;
      const needed: Entry[] = [];
      for (const [index, entry] of item.entries.entries()) {
        if (await this.isNeeded(entry, { at, index }, source, newer)) needed.push(entry);
      }
      if (needed.length > 0) await outputs.add(needed, item.trailer?.sequence ?? 0);
      at = frame.end;
    }
  }

  private async isNeeded(
    { key, value }: Entry,
    place: Pick<Slot, 'at' | 'index'>,
    source: LogFile,
    newer: readonly LogFile[],
  ): Promise<boolean> {
    const probe = new KeyProbe(key.toString('latin1'));
    const newest = await this.find(source, probe);
    if (newest?.at !== place.at || newest.index !== place.index) return false;
    for (const file of newer) if ((await this.find(file, probe)) !== undefined) return false;
    return value !== undefined;
  }

  /** A key's newest entry in a file. A damaged index is built again first; a damaged file ends the compaction. */
  private async find(file: LogFile, probe: KeyProbe): Promise<Slot | undefined> {
    for (;;) {
      try {
        return file.keys.get(probe);
      } catch (error) {
        if (!(error instanceof IndexDamagedError)) throw error;
      }
      await this.log.left.repair(file, this.log.files.includes(file));
      const [damage] = file.damage;
      if (damage !== undefined) throw file.corrupt(damage.start, damage.end - damage.start, damage.reason);
    }
  }
}

/** The segments being written by one group of a compaction. */
class Outputs {
  bytes = 0;
  entries = 0;
  private readonly finished: Merged[] = [];
  private current: { readonly number: number; readonly writer: SegmentWriter } | undefined;
  private isKept = false;

  constructor(
    private readonly maker: FileMaker,
    private readonly segments: Segments,
    private readonly segmentBytes: number,
  ) {}

  async add(entries: readonly Entry[], sequence: number): Promise<void> {
    if (this.current !== undefined && this.current.writer.end >= this.segmentBytes)
      await this.finishCurrent();
    this.current ??= await this.begin();
    const { writer } = this.current;
    const before = writer.end;
    await writer.add(entries, sequence);
    this.bytes += writer.end - before;
    this.entries += entries.length;
  }

  /** All that was added, stored, each segment with its index. */
  async finish(): Promise<readonly Merged[]> {
    await this.finishCurrent();
    return this.finished;
  }

  keep(): void {
    this.isKept = true;
  }

  /** Removes what was written, unless it has become part of the log. */
  async discard(): Promise<void> {
    if (this.isKept) return;
    const { fs, names } = this.maker;
    await this.current?.writer.close();
    for (const { number } of [...this.finished, ...(this.current === undefined ? [] : [this.current])]) {
      await fs.unlink(names.file(number)).catch(() => undefined);
      await fs.unlink(names.keyIndex(number)).catch(() => undefined);
    }
  }

  private async begin() {
    const { fs, names, options } = this.maker;
    const number = this.segments.takeNumber();
    const writer = await SegmentWriter.create(fs, names.file(number), options.format, number, 'closed');
    return { number, writer };
  }

  private async finishCurrent(): Promise<void> {
    if (this.current === undefined) return;
    const { number, writer } = this.current;
    await writer.finish();
    await writer.close();
    const { end, items, entries, lastSequence, keys } = writer;
    this.finished.push({ number, end, items, lastSequence });
    this.current = undefined;
    const { fs, names } = this.maker;
    const facts = { generation: number, logEnd: end, items, entries, lastSequence };
    await writeIndex(fs, names.keyIndex(number), keys, facts);
  }
}

function sum(files: readonly LogFile[], of: (file: LogFile) => number): number {
  return files.reduce((total, file) => total + of(file), 0);
}

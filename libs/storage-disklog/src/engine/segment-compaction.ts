import { IndexDamagedError } from '../index/index-blocks.js';
import { UnfinishedStepError } from './durable-files.js';
import type { FileMaker } from './file-maker.js';
import type { LogDirectory } from './log-directory.js';
import type { LogFile } from './log-file.js';
import type { LogWriter } from './log-writer.js';
import type { FileKeys } from './memory-keys.js';
import { NeededEntries } from './needed-entries.js';
import { joinSegments, type SegmentVerdict } from './segment-join.js';
import { SegmentOutputs } from './segment-outputs.js';
import type { Segments } from './segments.js';
import { TimeSlices } from './time-slices.js';
import { Window } from './window.js';

/** Thrown to end a compaction that is no longer wanted; nothing of the log has changed by it. */
class StoppedError extends Error {}

/** Keys of the segments that one join finds out about, a bit in memory for each. */
const KEYS_AT_ONCE = 1 << 26;

export interface SegmentCompactionOptions {
  /** A merged segment is closed at this size. */
  readonly segmentBytes: number;
  readonly isStopped: () => boolean;
  /** Told of each step. */
  readonly onStep?: () => void;
  /** Keys that one join finds out about; of more, there is one join after the other. */
  readonly keysAtOnce?: number;
}

/**
 * Merges the left segments of a compact log, from the oldest on, into ones without what newer segments have made
 * outdated.
 *
 * One join of their key indexes tells which entries are still needed: those that no segment that was left later, and
 * nothing later in their own, has outdated. What is still being written does not count, since it may not be stored
 * yet. No tombstone is needed: what it hides is outdated in an older segment, and that one is merged before it or
 * together with it.
 *
 * Segments are read and written in the order of the log, so the log keeps its order. Some neighbours at a time take the
 * place of others in one step, so a crash anywhere leaves the log as it was before or after such a step, and the extra
 * space is that of one group, not of the log. A segment that is needed whole is not even read.
 */
export class SegmentCompaction {
  private readonly slices: TimeSlices;
  private inputs: readonly LogFile[] = [];
  /** Of the inputs, so many have been merged or looked through. */
  private done = 0;
  /** The keys that the last join has read. */
  private joined: readonly FileKeys[] = [];

  constructor(
    private readonly log: LogDirectory,
    private readonly maker: FileMaker,
    private readonly segments: Segments,
    private readonly writer: LogWriter,
    private readonly options: SegmentCompactionOptions,
  ) {
    this.slices = new TimeSlices(() => this.refuseStopped());
  }

  /** @returns false where it was broken off: what had been merged until then stays so */
  async run(): Promise<boolean> {
    await this.log.left.settled();
    this.inputs = this.segments.left.map((file) => file.hold());
    try {
      while (this.done < this.inputs.length) {
        await this.mergeStretch().catch((error: unknown) => this.mend(error));
      }
      return true;
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
      return false;
    } finally {
      for (const file of this.rest) await file.release();
    }
  }

  /** The inputs that have not been merged yet. */
  private get rest(): readonly LogFile[] {
    return this.inputs.slice(this.done);
  }

  /** Merges as many segments as one join finds out about. */
  private async mergeStretch(): Promise<void> {
    let started = performance.now();
    const { rest } = this;
    this.joined = rest.map(({ keys }) => keys);
    // Nothing could be merged, whatever a join of all keys would tell.
    refuseDamage(rest[0]!);
    const count = this.stretchOf(rest);
    const verdicts = await joinSegments(rest.slice(0, count), rest.slice(count), this.slices);
    for (let from = 0; from < count;) {
      const group = groupAt(verdicts, from, this.options.segmentBytes);
      for (const { file } of group) refuseDamage(file);
      if (group.length === 1 && group[0]!.isWhole) this.segments.markClean(group[0]!.file);
      else await this.merge(group, started);
      for (const { file } of group) {
        this.done++;
        await file.release();
      }
      from += group.length;
      this.options.onStep?.();
      started = performance.now();
    }
  }

  /** How many segments a join may find out about, one at least. */
  private stretchOf(files: readonly LogFile[]): number {
    const { keysAtOnce = KEYS_AT_ONCE } = this.options;
    let keys = 0;
    let count = 0;
    do keys += files[count++]!.keys.size;
    while (count < files.length && keys + files[count]!.keys.size <= keysAtOnce);
    return count;
  }

  /** Puts what is still needed of some neighbours in their place. */
  private async merge(group: readonly SegmentVerdict[], started: number): Promise<void> {
    const outputs = new SegmentOutputs(this.maker, this.segments, this.options.segmentBytes);
    const bytesBefore = group.reduce((sum, { file }) => sum + file.end, 0);
    try {
      for (const verdict of group) await this.copy(verdict, outputs);
      await this.commit(
        group.map(({ file }) => file),
        outputs,
      );
    } catch (error) {
      await outputs.discard();
      throw error;
    }
    this.log.reportCompaction(outputs.entries, bytesBefore, outputs.bytes, performance.now() - started);
  }

  /** Copies what is still needed of a segment. */
  private async copy(verdict: SegmentVerdict, outputs: SegmentOutputs): Promise<void> {
    if (verdict.kept === 0) return;
    const { file } = verdict;
    const needed = await NeededEntries.of(verdict, this.slices);
    const window = new Window(file.handle, file.end);
    for (let at = file.format.headBytes; at < file.end;) {
      if (this.slices.isOver) await this.slices.pause();
      const looked = file.format.itemAt(window, at);
      const found = looked instanceof Promise ? await looked : looked;
      if ('reason' in found) throw file.rotten(at, file.end - at, found.reason);
      const { item, frame } = found;
      const entries = item.entries.filter((_, index) => needed.has(at, index));
      const written = entries.length > 0 ? outputs.add(entries, item.trailer?.sequence ?? 0) : undefined;
      if (written !== undefined) await written;
      at = frame.end;
    }
  }

  private async commit(group: readonly LogFile[], outputs: SegmentOutputs): Promise<void> {
    const merged = await outputs.finish();
    const files: { file: LogFile; lastSequence: number }[] = [];
    try {
      for (const { number, end, lastSequence } of merged)
        files.push({ file: await this.log.left.openOrRead(number, number, end), lastSequence });
      // A truncation may be waiting for this, and nothing runs between before it is over.
      this.refuseStopped();
      // Ahead of writers, who may be waiting for this.
      await this.writer.between(async () => {
        if (this.writer.failed !== undefined) throw this.writer.failed;
        await this.segments.replace(group, files).catch((error: unknown) => {
          // The list may name them already; the next open decides what stays.
          if (error instanceof UnfinishedStepError) outputs.keep();
          throw error;
        });
      });
      outputs.keep();
    } catch (error) {
      for (const { file } of files) await file.release();
      throw error;
    }
  }

  /**
   * A damaged index is built again, and the join begins anew; so it does where a reader was first to do that. A damaged
   * file ends the compaction: what cannot be read might be the newest.
   */
  private async mend(error: unknown): Promise<void> {
    const { rest } = this;
    if (error instanceof IndexDamagedError) {
      const file = rest.find(({ number }) => this.log.names.keyIndex(number) === error.path);
      if (file === undefined) throw error;
      await this.log.repair(file);
      refuseDamage(file);
      return;
    }
    // After the last step the rest of the inputs are the last of those that were joined.
    const joined = this.joined.slice(this.joined.length - rest.length);
    if (error instanceof StoppedError || rest.every(({ keys }, i) => keys === joined[i])) throw error;
  }

  private refuseStopped(): void {
    if (this.options.isStopped()) throw new StoppedError();
  }
}

/**
 * The neighbours from an index on that are merged with each other: others join a segment for as long as what is left of
 * it is less than half of one, and they fit. So of two neighbours of the outcome at least one is half full, or both
 * together would have been too large, as far as the estimate of what is left was right.
 */
function groupAt(
  verdicts: readonly SegmentVerdict[],
  from: number,
  segmentBytes: number,
): readonly SegmentVerdict[] {
  let to = from;
  let bytes = 0;
  do bytes += verdicts[to++]!.keptBytes;
  while (to < verdicts.length && bytes < segmentBytes / 2 && bytes + verdicts[to]!.keptBytes <= segmentBytes);
  return verdicts.slice(from, to);
}

function refuseDamage(file: LogFile): void {
  const [damage] = file.damage;
  if (damage !== undefined) throw file.corrupt(damage.start, damage.end - damage.start, damage.reason);
}

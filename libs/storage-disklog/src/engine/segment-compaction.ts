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

/** Ends a compaction that is no longer wanted. It has not changed the log since its last step. */
class StoppedError extends Error {}

/** Most keys that one join decides about, at one bit of memory each. */
const KEYS_AT_ONCE = 1 << 26;

export interface SegmentCompactionOptions {
  /** Size in bytes at which a merged segment is closed. */
  readonly segmentBytes: number;
  readonly isStopped: () => boolean;
  /** Called after each step. */
  readonly onStep?: () => void;
  /** Most keys that one join decides about; more keys take several joins. */
  readonly keysAtOnce?: number;
}

/**
 * Merges the closed segments of a compact log, oldest first, into segments without outdated entries.
 *
 * A join of the key indexes decides which entries are needed: those that are not outdated by a newer closed segment,
 * nor by a later entry of their own segment. The segment being written does not count, since it may not be stored
 * yet. Tombstones are dropped: what a tombstone hides is in an older segment, which is merged earlier or together
 * with it.
 *
 * Segments are read and written in log order, so the log keeps its order. A few neighbours at a time are replaced in
 * one step, so a crash leaves the log as it was before or after such a step, and the extra space is that of one such
 * group, not of the log. A segment that is needed whole is not even read.
 */
export class SegmentCompaction {
  private readonly slices: TimeSlices;
  private inputs: readonly LogFile[] = [];
  /** How many inputs have been merged or found to be needed whole. */
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

  /** @returns false if it was stopped; what had been merged until then stays merged */
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

  /** Merges as many segments as one join decides about. */
  private async mergeStretch(): Promise<void> {
    let started = performance.now();
    const { rest } = this;
    this.joined = rest.map(({ keys }) => keys);
    // Damage in the oldest input stops every merge, whatever a join of all keys would say.
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

  /** How many segments one join decides about, at least one. */
  private stretchOf(files: readonly LogFile[]): number {
    const { keysAtOnce = KEYS_AT_ONCE } = this.options;
    let keys = 0;
    let count = 0;
    do keys += files[count++]!.keys.size;
    while (count < files.length && keys + files[count]!.keys.size <= keysAtOnce);
    return count;
  }

  /** Replaces neighbouring segments by what is still needed of them. */
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
      // A truncation may be waiting for this merge, and would never let a queued task run: stop here instead.
      this.refuseStopped();
      // Goes ahead of queued writers, who may be waiting for this merge.
      await this.writer.between(async () => {
        if (this.writer.failed !== undefined) throw this.writer.failed;
        await this.segments.replace(group, files).catch((error: unknown) => {
          // The list may name the outputs already; the next open decides what stays.
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
   * Rebuilds a damaged index, after which the join begins anew. The same applies if a reader rebuilt one first. A
   * damaged file ends the compaction: what cannot be read might be the newest value.
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
    // `rest` is the tail of the inputs that were joined; compare each with the keys the join read.
    const joined = this.joined.slice(this.joined.length - rest.length);
    if (error instanceof StoppedError || rest.every(({ keys }, i) => keys === joined[i])) throw error;
  }

  private refuseStopped(): void {
    if (this.options.isStopped()) throw new StoppedError();
  }
}

/**
 * The run of neighbours, from an index on, that are merged with each other. Further segments join while the needed
 * bytes are less than half a segment and the next one still fits. As far as the estimates hold, of two neighbouring
 * outputs at least one is half full, or both together would be too large.
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

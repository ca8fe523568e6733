import { type SyncNames, withoutReturn, writeFresh } from './durable-files.js';
import type { FileMaker } from './file-maker.js';
import type { LogDirectory } from './log-directory.js';
import { type LogFile, pinAll } from './log-file.js';
import { type SegmentRecord, writeSegmentList } from './segment-list.js';

/** What the list of segments says of a file that was left. */
export type LeftFacts = Pick<SegmentRecord, 'lastSequence' | 'clean'>;

/**
 * The segments of a compact log and the steps that change which there are. Each writes the list of segments anew; the
 * rename of that list is the moment at which the step has happened, and what no list names is removed by the next open.
 */
export class Segments {
  private nextNumber: number;

  constructor(
    private readonly log: LogDirectory,
    private readonly maker: FileMaker,
    private readonly facts: Map<LogFile, LeftFacts>,
  ) {
    this.nextNumber = 1 + Math.max(...log.files.map((file) => Math.max(file.number, file.generation)));
  }

  /** A number for a new file, which is its generation as well; none is given twice. */
  takeNumber(): number {
    return this.nextNumber++;
  }

  /** Is as much new in the log as the last compaction left there? Then another one is due. */
  get isDue(): boolean {
    const { clean, dirty } = this.bytes;
    return dirty > 0 && dirty >= clean;
  }

  /** Is twice as much new in the log, and two segments? Then writers outrun the compaction that is under way. */
  isOutrun(segmentBytes: number): boolean {
    const { clean, dirty } = this.bytes;
    return dirty > 2 * (clean + segmentBytes);
  }

  /** What the last compaction left, and what came since. */
  private get bytes(): { clean: number; dirty: number } {
    let clean = 0;
    let dirty = 0;
    for (const file of this.left) {
      if (this.isClean(file)) clean += file.end;
      else dirty += file.end;
    }
    return { clean, dirty };
  }

  /** Files that are no longer written, oldest first. */
  get left(): readonly LogFile[] {
    return this.log.files.slice(0, -1);
  }

  isClean(file: LogFile): boolean {
    return this.facts.get(file)?.clean === true;
  }

  /** The next list of segments says so; until then the file is looked at once more. */
  markClean(file: LogFile): void {
    const facts = this.facts.get(file);
    if (facts !== undefined) this.facts.set(file, { ...facts, clean: true });
  }

  /** Leaves the current file for a new one; none is dropped for that. */
  async rotate(lastSequence: number): Promise<void> {
    const { log } = this;
    const { current } = log;
    this.facts.set(current.file, { lastSequence, clean: false });
    await log.changing((syncNames) => this.rotateTo(this.takeNumber(), syncNames));
    log.left.schedule(current.file, current.keys, lastSequence);
  }

  private async rotateTo(number: number, syncNames: SyncNames): Promise<void> {
    const { log, maker } = this;
    const { fs, names, options } = maker;
    const { current } = log;
    const path = names.file(number);
    // Everything that needs room or a descriptor comes first.
    const writer = await this.prepare(path, async () => {
      await writeFresh(fs, path, options.format.fileHead('opened'));
      await this.writeList([...log.files.map((file) => this.recordOf(file)), openRecord(number)]);
      return maker.openWriter(path);
    });
    await withoutReturn(async () => {
      await current.leave();
      await this.switchList(syncNames);
      log.current = maker.emptyFile(number, number, writer);
      log.files.push(log.current.file);
    }).catch(async (error: unknown) => {
      if (log.current === current) await writer.close().catch(() => undefined);
      throw error;
    });
  }

  /**
   * Puts merged segments in the place of those they were made of, which are gone with that. Nobody may write meanwhile.
   * @param inputs neighbours, part of the log
   * @param outputs stored, but their names may not be
   * @throws the system's error while nothing has changed yet, `UnfinishedStepError` later
   */
  async replace(
    inputs: readonly LogFile[],
    outputs: readonly { file: LogFile; lastSequence: number }[],
  ): Promise<void> {
    const { log } = this;
    await log
      .changing(async (syncNames) => {
        for (const { file, lastSequence } of outputs) this.facts.set(file, { lastSequence, clean: true });
        const files = [...log.files];
        files.splice(log.files.indexOf(inputs[0]!), inputs.length, ...outputs.map(({ file }) => file));
        const records = files.map((file) =>
          file === log.current.file ? openRecord(file.number, file.generation) : this.recordOf(file),
        );
        await this.writeList(records);
        pinAll(inputs);
        await withoutReturn(async () => {
          await this.switchList(syncNames);
          log.files = files;
        });
        for (const file of inputs) await this.discard(file, syncNames);
      })
      .catch((error: unknown) => {
        for (const { file } of outputs) this.facts.delete(file);
        throw error;
      });
  }

  /** Everything was removed, and the log begins anew. */
  clear(): void {
    this.facts.clear();
  }

  /** Oldest first, so that what a lost list leaves is never a value without its tombstone. */
  private async discard(file: LogFile, syncNames: SyncNames): Promise<void> {
    const { fs, names } = this.maker;
    this.facts.delete(file);
    try {
      await fs.unlink(file.path);
      await fs.unlink(names.keyIndex(file.number));
      await syncNames();
    } catch {
      // No list names it any more, so the next open removes it.
    }
    await file.release();
  }

  private async prepare<T>(path: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      await this.maker.fs.unlink(path).catch(() => undefined);
      throw error;
    }
  }

  private writeList(records: readonly SegmentRecord[]): Promise<void> {
    const { fs, names } = this.maker;
    return writeFresh(fs, names.unfinishedSegments, writeSegmentList(records));
  }

  /** The files that the list names must have their names before it has its own. */
  private async switchList(syncNames: SyncNames): Promise<void> {
    const { fs, names } = this.maker;
    await syncNames();
    await fs.rename(names.unfinishedSegments, names.segments);
    await syncNames();
  }

  private recordOf(file: LogFile): SegmentRecord {
    const { number, generation, end } = file;
    const { lastSequence, clean } = this.facts.get(file)!;
    return { number, generation, end, lastSequence, clean };
  }
}

function openRecord(number: number, generation = number): SegmentRecord {
  return { number, generation, end: 0, lastSequence: 0, clean: false };
}

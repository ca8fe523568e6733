import { type SyncNames, withoutReturn, writeFresh } from './durable-files.js';
import type { FileMaker } from './file-maker.js';
import type { LogDirectory } from './log-directory.js';
import { type LogFile, pinAll } from './log-file.js';
import { type SegmentRecord, writeSegmentList } from './segment-list.js';

/** What the list of segments says of a segment that is no longer written. */
export type LeftFacts = Pick<SegmentRecord, 'lastSequence' | 'clean'>;

/**
 * The segments of a compact log and the steps that change them. Each step writes a new list of segments and takes
 * effect when that list is renamed into place. The next open removes every segment that the list does not name.
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

  /** The number of a new file, which is its generation as well. No number is given twice while the log is open. */
  takeNumber(): number {
    return this.nextNumber++;
  }

  /** Whether a compaction is due: the new bytes are at least as many as the last compaction left. */
  get isDue(): boolean {
    const { clean, dirty } = this.bytes;
    return dirty > 0 && dirty >= clean;
  }

  /**
   * Whether writers outrun the compaction under way: the new bytes exceed twice what the last one left plus two
   * segments.
   */
  isOutrun(segmentBytes: number): boolean {
    const { clean, dirty } = this.bytes;
    return dirty > 2 * (clean + segmentBytes);
  }

  /** Bytes that the last compaction left, and bytes added since. */
  private get bytes(): { clean: number; dirty: number } {
    let clean = 0;
    let dirty = 0;
    for (const file of this.left) {
      if (this.isClean(file)) clean += file.end;
      else dirty += file.end;
    }
    return { clean, dirty };
  }

  /** Segments that are no longer written, oldest first. */
  get left(): readonly LogFile[] {
    return this.log.files.slice(0, -1);
  }

  isClean(file: LogFile): boolean {
    return this.facts.get(file)?.clean === true;
  }

  /** Recorded with the next list of segments. After a crash before that, the file is examined once more. */
  markClean(file: LogFile): void {
    const facts = this.facts.get(file);
    if (facts !== undefined) this.facts.set(file, { ...facts, clean: true });
  }

  /** Closes the current file and begins a new one; nothing is dropped. */
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
    // Do everything that needs space or a descriptor first, while the rotation can still be refused.
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
   * Replaces segments by those they were merged into, and removes them. Nobody may write meanwhile.
   * @param inputs neighbours, part of the log
   * @param outputs durable, but their names need not be
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

  /** Called oldest first: if the list is lost, no value is left without its tombstone. */
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

  /** The names of the files that the list names must be durable before the list's own name. */
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

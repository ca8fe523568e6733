import type { Entry } from '../format/entry.js';
import { KeyTooLongError, writeIndex } from '../index/index-file.js';
import { tailCrc } from '../index/log-tail.js';
import type { FileMaker } from './file-maker.js';
import { SegmentWriter } from './segment-writer.js';
import type { Segments } from './segments.js';

/** A merged segment that is durable but not yet part of the log. */
export interface MergedSegment {
  readonly number: number;
  readonly end: number;
  readonly items: number;
  readonly lastSequence: number;
}

/** The segments that one group of others is merged into, while they are being written. */
export class SegmentOutputs {
  bytes = 0;
  entries = 0;
  private readonly finished: MergedSegment[] = [];
  private current: { readonly number: number; readonly writer: SegmentWriter } | undefined;
  private isKept = false;

  constructor(
    private readonly maker: FileMaker,
    private readonly segments: Segments,
    private readonly segmentBytes: number,
  ) {}

  /** Adds what is left of an item. If it returns a promise, await it before the next call. */
  add(entries: readonly Entry[], sequence: number): void | Promise<void> {
    const { current } = this;
    if (current === undefined || current.writer.end >= this.segmentBytes)
      return this.addToNext(entries, sequence);
    const { writer } = current;
    const before = writer.end;
    const written = writer.add(entries, sequence);
    this.bytes += writer.end - before;
    this.entries += entries.length;
    return written;
  }

  /** Makes everything added durable, each segment with its index. */
  async finish(): Promise<readonly MergedSegment[]> {
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

  private async addToNext(entries: readonly Entry[], sequence: number): Promise<void> {
    await this.finishCurrent();
    this.current = await this.begin();
    await this.add(entries, sequence);
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

    const facts = {
      generation: number,
      logEnd: end,
      items,
      entries,
      lastSequence,
      tailCrc: tailCrc(fs, names.file(number), end),
    };
    await writeIndex(fs, names.keyIndex(number), keys, facts).catch((error: unknown) => {
      if (!(error instanceof KeyTooLongError)) throw error;
    });
  }
}

import type { Entry } from '../format/entry.js';
import type { FileSystem } from '../io/file-system.js';
import { KeyProbe } from './key-probe.js';
import type { LogDirectory } from './log-directory.js';
import type { LogFile } from './log-file.js';
import type { LogWriter } from './log-writer.js';
import { SegmentWriter } from './segment-writer.js';
import { TimeSlices } from './time-slices.js';
import { Window } from './window.js';

/** Once no more than this is left to copy, writers wait for the rest. */
const LAST_BYTES = 256 << 10;
/** Smaller logs are not worth compacting in the background. */
const MIN_BYTES = 1 << 20;

/** Whether compaction would reclaim most of a log of one file. */
export function worthCompacting(file: LogFile): boolean {
  return file.end > MIN_BYTES && file.entries > 4 * file.keys.size + 1000;
}

/**
 * Rewrites a log of one file so that only the newest value of each key remains.
 *
 * The old file is read from its start. An entry is copied if it is still its key's newest when it is met. An entry
 * overwritten later appears again further on, and so does a tombstone that follows a copied value; tombstones met
 * before a copied value have nothing to hide. Writers wait only for the last stretch. Then one rename puts the new
 * file in place; a crash before it leaves the old file as it is.
 */
export async function compact(fs: FileSystem, log: LogDirectory, writer: LogWriter): Promise<void> {
  const started = performance.now();
  const source = log.current.file.hold();
  let copy: Copy | undefined;
  try {
    copy = await Copy.open(fs, log.names.compacted, source, log.nextGeneration);
    while (source.end - copy.copiedTo > LAST_BYTES) await copy.upTo(source.end);
    await writer.exclusive(async () => {
      // A truncation or a rotation may have come first; then the copy is not of the only file any more.
      if (log.files.length !== 1 || log.current.file !== source) return;
      if (writer.failed !== undefined) throw writer.failed;
      await copy!.upTo(source.end);
      await copy!.target.finish();
      const { keys, end, items, entries } = copy!.target;
      const before = source.end;
      await log.replace(log.names.compacted, keys, { end, items, entries });
      log.reportCompaction(entries, before, end, performance.now() - started);
    });
  } finally {
    await copy?.target.close();
    await source.release();
    // This name is not shared with a truncation, which may be making a new file of its own meanwhile.
    await fs.unlink(log.names.compacted);
  }
}

/** The new file while it is being written. */
class Copy {
  copiedTo: number;
  private readonly slices = new TimeSlices();

  private constructor(
    private readonly source: LogFile,
    readonly target: SegmentWriter,
  ) {
    this.copiedTo = source.format.headBytes;
  }

  static async open(fs: FileSystem, path: string, source: LogFile, generation: number): Promise<Copy> {
    return new Copy(source, await SegmentWriter.create(fs, path, source.format, generation, 'opened'));
  }

  async upTo(end: number): Promise<void> {
    const { source, target } = this;
    const window = new Window(source.handle, end);
    // `end` is fixed: an entry overwritten from here on is copied again from its later position.
    while (this.copiedTo < end) {
      if (this.slices.isOver) await this.slices.pause();
      const looked = source.format.itemAt(window, this.copiedTo);
      const found = looked instanceof Promise ? await looked : looked;
      if ('reason' in found) throw source.rotten(this.copiedTo, end - this.copiedTo, found.reason);
      const { item, frame } = found;
      const needed = item.entries.filter((entry, index) => this.isNeeded(entry, frame.start, index));
      const written = needed.length > 0 ? target.add(needed, item.trailer?.sequence ?? 0) : undefined;
      if (written !== undefined) await written;
      this.copiedTo = frame.end;
    }
    await target.flush();
  }

  private isNeeded(entry: Entry, at: number, index: number): boolean {
    const key = entry.key.toString('latin1');
    const newest = this.source.keys.get(new KeyProbe(key));
    if (newest === undefined || newest.at !== at || newest.index !== index) return false;
    // A tombstone matters only if the copy already holds the value it deletes.
    return entry.value !== undefined || this.target.keys.get({ key }) !== undefined;
  }
}

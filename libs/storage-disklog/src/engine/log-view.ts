import {
  type Allocate,
  type KeyRange,
  type LogEntry,
  type ScanOptions,
  type StoreEntry,
  withinBytes,
} from '@genrocks/storage';
import { IndexDamagedError } from '../index/index-blocks.js';
import { type Found, MergedCursor } from './cursor.js';
import { extentOf, readPages, readValue } from './entry-reader.js';
import { FileRanges } from './file-ranges.js';
import { KeyProbe } from './key-probe.js';
import type { LogDirectory } from './log-directory.js';
import type { LogFile } from './log-file.js';
import { readFileLog } from './log-reader.js';
import { orderedFiles, scanOrdered, type Stretch, stretchesOf } from './ordered-scan.js';

const PAGE_ENTRIES = 1024;

/** Runs a function that reads the keys of files. */
type Look = <T>(at: () => T) => Promise<T>;

/** Reads a log: its files as one map of keys, and as one sequence of entries. */
export class LogView {
  private ranges: FileRanges;

  /** @param check throws if the log is closed */
  constructor(
    private readonly log: LogDirectory,
    private readonly check: () => void,
  ) {
    this.ranges = new FileRanges(log.files, log.left.repairs);
  }

  /** A key's newest value; without a promise if nothing has to be awaited, which is the usual case. */
  get(key: string, skipDamaged: boolean): Buffer | undefined | Promise<Buffer | undefined> {
    const probe = new KeyProbe(key);
    let found: Found | undefined;
    try {
      found = this.find(probe, skipDamaged);
    } catch (error) {
      return this.getHealing(probe, skipDamaged, error);
    }
    return this.read(found);
  }

  /** Separate from {@link get}, whose every call would otherwise allocate what this closes over. */
  private async getHealing(
    probe: KeyProbe,
    skipDamaged: boolean,
    error: unknown,
  ): Promise<Buffer | undefined> {
    if (!(error instanceof IndexDamagedError)) throw error;
    return this.read(await this.findHealing(probe, skipDamaged));
  }

  async exists(key: string, skipDamaged: boolean): Promise<boolean> {
    return (await this.findHealing(new KeyProbe(key), skipDamaged)) !== undefined;
  }

  /** The highest key of a file of the log, deleted or not. */
  async highestKey(file: LogFile): Promise<string | undefined> {
    const [last] = await this.healing([file], () => file.keys.page('', undefined, true, 1));
    return last?.[0];
  }

  /** Live entries of a range. */
  async *scan(
    range: KeyRange,
    { skipDamaged = false, allocate }: Pick<ScanOptions, 'skipDamaged' | 'allocate'>,
  ): AsyncGenerator<StoreEntry[]> {
    const files = this.log.files.map((file) => file.hold());
    // Checks for damage on every look: rebuilding an index, by any reader, drops the keys of damaged stretches.
    const look: Look = (at) =>
      this.healing(files, () => {
        if (!skipDamaged) refuseDamage(files);
        return at();
      });
    try {
      const { groups, stretches } = await look(() => planOf(files, range, skipDamaged));
      const pages =
        stretches === undefined
          ? this.scanKeys(look, groups, range, allocate)
          : withinBytes(scanOrdered(stretches, range, skipDamaged), range.maxBytes);
      for await (const page of pages) {
        this.check();
        yield page;
      }
    } finally {
      for (const file of files) await file.release();
    }
  }

  /** What the keys of a range point at, one group of files after the other. */
  private async *scanKeys(
    look: Look,
    groups: readonly (readonly LogFile[])[],
    range: KeyRange,
    allocate: Allocate | undefined,
  ): AsyncGenerator<StoreEntry[]> {
    let rest = range;
    let { limit: left, maxBytes: room } = range;
    let isFirst = true;
    for (const group of groups) {
      let cursor: MergedCursor | undefined;
      for (;;) {
        if (left === 0) return;
        const { found, isSpent } = await look(() => {
          // Recreated after a failed look; it continues after the last key that was shown.
          const current = (cursor ??= new MergedCursor(group, rest));
          cursor = undefined;
          const page = current.next(Math.min(PAGE_ENTRIES, left), room, isFirst);
          cursor = current;
          return { found: page, isSpent: current.isSpent };
        });
        yield* readPages(found, allocate);
        if (isSpent) return;
        if (found.length === 0) break;
        for (const { slot } of found) room -= extentOf(slot).length;
        left -= found.length;
        rest = behind(rest, found.at(-1)!.key);
        isFirst = false;
      }
    }
  }

  /** Everything that was written and is still stored, oldest first. */
  async *readLog(limit: number, skipDamaged: boolean): AsyncGenerator<LogEntry[]> {
    let left = limit;
    const files = this.log.files.map((file) => file.hold());
    try {
      for (const file of files) {
        for await (const page of readFileLog(file, skipDamaged)) {
          this.check();
          if (left <= 0) return;
          yield page.length > left ? page.slice(0, left) : page;
          left -= page.length;
        }
      }
    } finally {
      for (const file of files) await file.release();
    }
  }

  /** Like {@link find}, but repairs damaged indexes. A closed log has no files left, so every look checks first. */
  private findHealing(probe: KeyProbe, skipDamaged: boolean): Promise<Found | undefined> {
    return this.healing(undefined, () => {
      this.check();
      return this.find(probe, skipDamaged);
    });
  }

  /** A key's newest entry. Fails if damage may hide a newer one. */
  private find(probe: KeyProbe, skipDamaged: boolean): Found | undefined {
    const { files, left } = this.log;
    if (!this.ranges.isOf(files, left.repairs)) this.ranges = new FileRanges(files, left.repairs);
    const { ranges } = this;
    for (let i = ranges.next(probe.key, files.length - 1); i >= 0; i = ranges.next(probe.key, i - 1)) {
      const file = files[i]!;
      const slot = file.keys.get(probe);
      if (!skipDamaged && file.damage.length > 0) refuseDamage([file], slot?.at);
      if (slot !== undefined) return slot.deleted ? undefined : { key: probe.key, slot, file };
    }
    return undefined;
  }

  /** Must run in the turn in which the entry was found: a rotation may drop the file in the next. */
  private read(found: Found | undefined): Buffer | undefined | Promise<Buffer> {
    if (found === undefined) return undefined;
    const value = readValue(found);
    if (!(value instanceof Promise)) return value;
    const held = found.file.hold();
    return value.finally(() => held.release());
  }

  /** Runs a look at the keys. If an index is damaged, rebuilds it and looks again. */
  private async healing<T>(held: readonly LogFile[] | undefined, look: () => T): Promise<T> {
    for (;;) {
      try {
        return look();
      } catch (error) {
        const file =
          error instanceof IndexDamagedError ? this.fileOf(error, held ?? this.log.files) : undefined;
        if (file === undefined) throw error;
        file.hold();
        await this.log.repair(file).finally(() => file.release());
      }
    }
  }

  private fileOf({ path }: IndexDamagedError, files: readonly LogFile[]): LogFile | undefined {
    return files.find((file) => this.log.names.keyIndex(file.number) === path);
  }
}

/**
 * How to scan a range: by keys, one group of files after the other; or, if the files are in key order and the caller
 * does not limit the bytes, by reading them sequentially. A caller that asks for a limited part gets no more than
 * that part.
 */
function planOf(
  files: readonly LogFile[],
  range: KeyRange,
  skipDamaged: boolean,
): { groups: readonly (readonly LogFile[])[]; stretches?: readonly Stretch[] } {
  const ordered = orderedFiles(files, range);
  if (ordered === undefined) return { groups: [files] };
  const groups = ordered.map((file) => [file]);
  // Only a sequential read can skip damaged stretches.
  const byKeys = range.maxBytes < Infinity && !skipDamaged;
  return byKeys ? { groups } : { groups, stretches: stretchesOf(ordered, range) };
}

/** Fails if any file is damaged at or after a position: the lost bytes may have been newer. */
function refuseDamage(files: readonly LogFile[], from?: number): void {
  for (const file of files) {
    const damage = file.damageAfter(from ?? file.format.headBytes);
    // Missing bytes were written before everything that stands in their place.
    if (damage?.missing === true && from !== undefined && damage.start <= from) continue;
    if (damage !== undefined) throw file.corrupt(damage.start, damage.end - damage.start, damage.reason);
  }
}

function behind(range: KeyRange, key: string): KeyRange {
  return range.reverse ? { ...range, upper: key } : { ...range, lower: `${key}\0` };
}

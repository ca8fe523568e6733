import { keyFromString, type KeyRange, type StoreEntry } from '@genrocks/storage';
import type { Entry } from '../format/entry.js';
import type { LogFile } from './log-file.js';
import { readFileEntries } from './log-reader.js';

/** The part of a file to read: from an item to the end committed when the scan began. */
export interface Stretch {
  readonly file: LogFile;
  readonly from: number;
  readonly to: number;
}

/**
 * The files that a range touches, in key order, if reading them sequentially yields the scan: keys were appended in
 * order, each once, and no two files interleave. Undefined otherwise.
 */
export function orderedFiles(files: readonly LogFile[], range: KeyRange): readonly LogFile[] | undefined {
  if (range.reverse) return undefined;
  const touched = files.filter(({ keys }) => touches(keys.bounds, range));
  if (!touched.every(({ keys, damage }) => keys.ascending && damage.length === 0)) return undefined;
  const ordered = touched.sort((a, b) => (a.keys.bounds!.lowest < b.keys.bounds!.lowest ? -1 : 1));
  const apart = ordered.every(
    ({ keys }, i) => i === 0 || ordered[i - 1]!.keys.bounds!.highest < keys.bounds!.lowest,
  );
  return apart ? ordered : undefined;
}

/** The stretches of ordered files to read for a range. */
export function stretchesOf(files: readonly LogFile[], range: KeyRange): readonly Stretch[] {
  return files.map((file) => ({ file, from: firstItem(file, range), to: file.end }));
}

/** Position of the item that holds the first key of the range. */
function firstItem({ keys, format }: LogFile, { lower, upper }: KeyRange): number {
  if (lower <= keys.bounds!.lowest) return format.headBytes;
  return keys.page(lower, upper, false, 1)[0]?.[1].at ?? format.headBytes;
}

function touches(bounds: LogFile['keys']['bounds'], { lower, upper }: KeyRange): boolean {
  return bounds !== undefined && bounds.highest >= lower && (upper === undefined || bounds.lowest < upper);
}

/** Scans the stretches that {@link stretchesOf} returned: a sequential read from the first key of the range. */
export async function* scanOrdered(
  stretches: readonly Stretch[],
  range: KeyRange,
  skipDamaged: boolean,
): AsyncGenerator<StoreEntry[]> {
  const upper = range.upper === undefined ? undefined : keyFromString(range.upper);
  const lower = keyFromString(range.lower);
  let left = range.limit;
  let isDone = left === 0;
  // The read may begin inside a batch whose earlier entries lie below the range.
  let isInside = range.lower === '';
  for (const { file, from, to } of stretches) {
    if (isDone) return;
    const pick = ({ key, value }: Entry, verified: boolean): StoreEntry | undefined => {
      isInside ||= key.compare(lower) >= 0;
      if (!isInside || isDone) return undefined;
      if (upper !== undefined && key.compare(upper) >= 0) {
        isDone = true;
        return undefined;
      }
      isDone = --left === 0;
      return { key, value: value!, verified };
    };
    for await (const page of readFileEntries(file, from, to, skipDamaged, pick)) {
      yield page;
      if (isDone) return;
    }
  }
}

import type { FileSystem } from '../io/file-system.js';
import type { LogNames } from './names.js';

interface Placed {
  readonly number: number;
  /** Undefined if nothing in the file says. */
  readonly generation: number | undefined;
}

/**
 * Describes where the files of a wrap log are not consecutive. Each file is one generation after the one before it.
 * @param files oldest first
 */
function gapsBetween(files: readonly Placed[]): string[] {
  const gaps: string[] = [];
  let known: Placed | undefined;
  let between = 0;
  for (const file of files) {
    if (file.generation === undefined) {
      between++;
      continue;
    }
    const missing = known === undefined ? 0 : file.generation - known.generation! - between - 1;
    if (missing !== 0) gaps.push(describeGap(known!, file, missing));
    known = file;
    between = 0;
  }
  return gaps;
}

export function describeGap(before: Placed, after: Placed, missing: number): string {
  const name = ({ number, generation }: Placed) => `log.${number} (generation ${generation})`;
  const where = `between ${name(before)} and ${name(after)}`;
  return missing > 0 ? `${missing} file(s) missing ${where}` : `files out of order ${where}`;
}

/** Leaves out the gaps that a repair has recorded as lost for good. */
export async function newGapsBetween(
  fs: FileSystem,
  names: LogNames,
  files: readonly Placed[],
): Promise<string[]> {
  const gaps = gapsBetween(files);
  if (gaps.length === 0) return gaps;
  const recorded = await fs.readFile(names.repaired).catch(() => Buffer.alloc(0));
  return gaps.filter((gap) => !recorded.includes(JSON.stringify(gap)));
}

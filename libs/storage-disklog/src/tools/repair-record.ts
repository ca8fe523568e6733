import { LogNames } from '../engine/names.js';
import { readSmall } from './read-handle.js';

/** A loss that a repair could not undo. `log.repaired` has one JSON object per line. */
export interface Loss {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly file: string;
  readonly reason: string;
  /** Items between these two are gone; null for a loss that shows in the files, not in the numbers of items. */
  readonly sequenceBefore: number | null;
  readonly sequenceAfter: number | null;
}

/** Where a repair records what it could not bring back, so that later checks can tell old losses from new ones. */
export function repairRecordOf(directory: string): string {
  return new LogNames(directory).repaired;
}

/** The losses that earlier repairs have recorded. */
export class Losses {
  constructor(private readonly losses: readonly Loss[]) {}

  covers(before: number, after: number): boolean {
    return this.losses.some(
      ({ sequenceBefore, sequenceAfter }) =>
        sequenceBefore !== null &&
        sequenceAfter !== null &&
        sequenceBefore <= before &&
        sequenceAfter >= after,
    );
  }

  coversRemark(reason: string): boolean {
    return this.losses.some((loss) => loss.reason === reason);
  }
}

/** Skips invalid lines: the record only keeps old losses from being reported as new. */
export async function readLosses(directory: string): Promise<Losses> {
  const text = (await readSmall(repairRecordOf(directory), 16 << 20))?.toString('utf8') ?? '';
  const losses: Loss[] = [];
  for (const line of text.split('\n')) {
    try {
      if (line !== '') losses.push(JSON.parse(line) as Loss);
    } catch {
      continue;
    }
  }
  return new Losses(losses);
}

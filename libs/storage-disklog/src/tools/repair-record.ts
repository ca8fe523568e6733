import { LogNames } from '../engine/names.js';
import { readSmall } from './read-handle.js';

/** One loss that a repair could not undo, a JSON object a line in `log.repaired`. */
export interface Loss {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly file: string;
  readonly reason: string;
  /** Items between these two are gone; null for a loss that shows in the files, not in the numbers of items. */
  readonly sequenceBefore: number | null;
  readonly sequenceAfter: number | null;
}

/** Where a repair writes what it could not bring back, so that later checks can tell old loss from new. */
export function repairRecordOf(directory: string): string {
  return new LogNames(directory).repaired;
}

/** What earlier repairs have recorded. */
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

/** Lines that are none are passed over: the record only keeps old losses from being reported as new ones. */
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

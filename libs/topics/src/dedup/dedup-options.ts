import { InvalidConfigError } from '@genrocks/storage';

/** How long a topic remembers the ids of its messages, and how many. */
export interface DedupOptions {
  /**
   * How long an id is remembered after its message was published, in milliseconds, 1 to 2,592,000,000 (30
   * days). Default 120,000.
   */
  windowMs?: number;
  /** Most ids to remember, 1 to 10,000,000. Beyond that the oldest is forgotten early. Default 100,000. */
  maxIds?: number;
}

export type ResolvedDedupOptions = Readonly<Required<DedupOptions>>;

const RANGES: Readonly<Record<keyof DedupOptions, readonly [least: number, most: number, standard: number]>> =
  {
    windowMs: [1, 30 * 24 * 60 * 60 * 1000, 120_000],
    maxIds: [1, 10_000_000, 100_000],
  };

/**
 * Checks the options and applies the defaults; undefined for false.
 * @throws {InvalidConfigError} `INVALID_CONFIG` with one line per mistake
 */
export function resolveDedup(topic: string, given: DedupOptions | false): ResolvedDedupOptions | undefined {
  if (given === false) return undefined;
  const where = `topics.${topic}.dedup`;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InvalidConfigError([
      `${where}: ${JSON.stringify(given)} is not allowed; { windowMs, maxIds } or false`,
    ]);
  }
  const problems: string[] = [];
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(RANGES, name))
      problems.push(`${where}.${name}: unknown option; allowed are windowMs, maxIds`);
  }
  const pick = (name: keyof DedupOptions): number => {
    const [least, most, standard] = RANGES[name];
    const value = given[name] ?? standard;
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    problems.push(
      `${where}.${name}: ${JSON.stringify(value)} is not allowed; a whole number from ${least} to ${most}`,
    );
    return standard;
  };
  const resolved = { windowMs: pick('windowMs'), maxIds: pick('maxIds') };
  if (problems.length > 0) throw new InvalidConfigError(problems);
  return resolved;
}

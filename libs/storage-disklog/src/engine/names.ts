import { join } from 'node:path';

/** The files of one log. Erlang knows `log`, `log.N`, `log.idx` and `log.siz`; the others are ours and it ignores them. */
export class LogNames {
  readonly halt: string;
  readonly index: string;
  readonly sizes: string;
  readonly lock: string;
  /** A file being made; it gets its real name in one step, or is removed on the next open. */
  readonly unfinished: string;
  readonly unfinishedIndex: string;
  /** The new file of a compaction that is under way. */
  readonly compacted: string;
  /** The segments of a compact log that has more than one. */
  readonly segments: string;
  readonly unfinishedSegments: string;
  /** Stands while a truncation is under way. */
  readonly truncation: string;
  /** What is known of the files that were left. */
  readonly left: string;
  /** Where the log ended when it was closed. */
  readonly end: string;
  /** What repairs could not bring back. */
  readonly repaired: string;

  /** @param segmented the log's files are segments of a compact log */
  constructor(
    readonly directory: string,
    private readonly segmented = false,
  ) {
    this.halt = join(directory, 'log');
    this.index = join(directory, 'log.idx');
    this.sizes = join(directory, 'log.siz');
    this.lock = join(directory, 'log.lock');
    this.unfinished = join(directory, 'log.new');
    this.unfinishedIndex = join(directory, 'log.idx.new');
    this.left = join(directory, 'log.left');
    this.end = join(directory, 'log.end');
    this.compacted = join(directory, 'log.compacted');
    this.segments = join(directory, 'log.segments');
    this.unfinishedSegments = join(directory, 'log.segments.new');
    this.truncation = join(directory, 'log.truncating');
    this.repaired = join(directory, 'log.repaired');
  }

  /** The names of a compact log in the same directory. */
  asSegmented(): LogNames {
    return new LogNames(this.directory, true);
  }

  /** `log.N`, or `log.cN` for a segment, or `log` for number 0. */
  file(number: number): string {
    return number === 0 ? this.halt : `${this.halt}.${this.segmented ? 'c' : ''}${number}`;
  }

  /** The key index of a file that was left. */
  keyIndex(number: number): string {
    return `${this.file(number)}.keys`;
  }

  /** The copy of a damaged file. */
  quarantine(number: number): string {
    return `${this.file(number)}.corrupt`;
  }
}

/** The N of a wrap log's file name, undefined for every other name. */
export function wrapNumber(name: string): number | undefined {
  const match = /^log\.([1-9]\d{0,4})$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** The N of a segment's file name, 0 for the first one's; undefined for every other name. */
export function segmentNumber(name: string): number | undefined {
  const match = /^log(?:\.c([1-9]\d{0,9}))?$/.exec(name);
  return match === null ? undefined : Number(match[1] ?? 0);
}

/** Is this the name of a file beside the log's own ones? No directory may have it; `log.left` is a cache to do without. */
export function isBeside(name: string): boolean {
  return BESIDE.test(name);
}

const BESIDE = /^log\.(idx|siz|end|segments|repaired|truncating|compacted|new|idx\.new|segments\.new)$/;

/** The log file to which a key index belongs, be it finished or not, by their names; any other name as it is. */
export function withoutIndex(name: string): string {
  return name.replace(/\.keys(?:\.new)?$/, '');
}

/**
 * Does a directory hold a log if it holds a file of this name? A truncation under way may have removed every file but
 * its marker; `log.end` alone tells of a log that is gone.
 */
export function tellsOfLog(name: string): boolean {
  const isMarker = name === 'log.truncating' || name === 'log.end';
  return isMarker || segmentNumber(name) !== undefined || wrapNumber(name) !== undefined;
}

import { join } from 'node:path';

/**
 * The file names of one log. Erlang knows `log`, `log.N`, `log.idx` and `log.siz`; the others are ours, and it
 * ignores them.
 */
export class LogNames {
  readonly halt: string;
  readonly index: string;
  readonly sizes: string;
  readonly lock: string;
  /** A file being made. It is renamed to its real name in one step, or removed by the next open. */
  readonly unfinished: string;
  readonly unfinishedIndex: string;
  /** The new file of a compaction under way. */
  readonly compacted: string;
  /** The list of segments, for a compact log with more than one. */
  readonly segments: string;
  readonly unfinishedSegments: string;
  /** Exists while a truncation is under way. */
  readonly truncation: string;
  /** Summary of the files that are no longer written. */
  readonly left: string;
  /** Where the log ended when it was closed. */
  readonly end: string;
  /** What repairs could not bring back. */
  readonly repaired: string;

  /** @param segmented the files are segments of a compact log */
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

  /** `log.N`, `log.cN` for a segment, or `log` for number 0. */
  file(number: number): string {
    return number === 0 ? this.halt : `${this.halt}.${this.segmented ? 'c' : ''}${number}`;
  }

  /** The key index of a closed file. */
  keyIndex(number: number): string {
    return `${this.file(number)}.keys`;
  }

  /** The copy of a damaged file. */
  quarantine(number: number): string {
    return `${this.file(number)}.corrupt`;
  }
}

/** The N of a wrap log's file name; undefined for any other name. */
export function wrapNumber(name: string): number | undefined {
  const match = /^log\.([1-9]\d{0,4})$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** The N of a segment's file name, 0 for `log`; undefined for any other name. */
export function segmentNumber(name: string): number | undefined {
  const match = /^log(?:\.c([1-9]\d{0,9}))?$/.exec(name);
  return match === null ? undefined : Number(match[1] ?? 0);
}

/**
 * Whether a file of this name may accompany the log files. No directory may have such a name; `log.left` is not
 * included, since the log can do without that cache.
 */
export function isBeside(name: string): boolean {
  return BESIDE.test(name);
}

const BESIDE = /^log\.(idx|siz|end|segments|repaired|truncating|compacted|new|idx\.new|segments\.new)$/;

/** Maps the name of a key index, finished or not, to that of its log file; returns any other name unchanged. */
export function withoutIndex(name: string): string {
  return name.replace(/\.keys(?:\.new)?$/, '');
}

/**
 * Whether a file of this name shows that a directory holds a log. A truncation under way may have removed every file
 * but its marker, and `log.end` alone shows that there was a log which is now gone.
 */
export function tellsOfLog(name: string): boolean {
  const isMarker = name === 'log.truncating' || name === 'log.end';
  return isMarker || segmentNumber(name) !== undefined || wrapNumber(name) !== undefined;
}

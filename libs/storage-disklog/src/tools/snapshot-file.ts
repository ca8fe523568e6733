import type { LogEnd } from '../engine/log-end.js';
import type { FileStatus } from '../format/headers.js';
import type { LogFormat } from '../format/log-format.js';
import type { ReadHandle } from './read-handle.js';

/** A file of a log, held open. */
export interface SnapshotFile {
  /** The N of `log.N` or `log.cN`; 0 for `log`. */
  readonly number: number;
  /** Its name in the directory of the log. */
  readonly name: string;
  /** Its path. */
  readonly path: string;
  /** How its items are written. */
  readonly format: LogFormat;
  /** The file, open for reading until the snapshot is closed. */
  readonly handle: ReadHandle;
  /** Its size in bytes when it was opened. */
  readonly size: number;
  /** Undefined if the file has no log head. */
  readonly status: FileStatus | undefined;
  /** Generation of its first item; undefined if that carries none or cannot be read. */
  readonly generation: number | undefined;
  /** Whether it is the newest file. */
  readonly isCurrent: boolean;
  /** Its items have trailers: a record of ours describes the file, whatever can be read of the items. */
  readonly isOurs: boolean;
  /** Where the log ended when it was last closed, in this file or another one. */
  readonly closedEnd?: LogEnd | undefined;
}

/** What is odd about a log as a whole. Damage makes `verify` fail, a note does not. */
export interface SnapshotRemark {
  /** `damage`: something is wrong or missing. `note`: odd, or known because a repair has recorded it. */
  readonly severity: 'damage' | 'note';
  /** The path of the file, or of the log's directory. */
  readonly file: string;
  /** What is wrong or odd. */
  readonly reason: string;
}

import type { LogEnd } from '../engine/log-end.js';
import type { FileStatus } from '../format/headers.js';
import type { LogFormat } from '../format/log-format.js';
import type { ReadHandle } from './read-handle.js';

/** A file of a log, held open. */
export interface SnapshotFile {
  /** The N of `log.N`; 0 for the one file of a halt or compact log. */
  readonly number: number;
  readonly name: string;
  readonly path: string;
  readonly format: LogFormat;
  readonly handle: ReadHandle;
  readonly size: number;
  /** Undefined: the file has no log head. */
  readonly status: FileStatus | undefined;
  /** Of its first item; undefined where that carries none or cannot be read. */
  readonly generation: number | undefined;
  /** The newest file. */
  readonly isCurrent: boolean;
  /** Its items have trailers: there is a record of ours about it, whatever can be read of the items. */
  readonly isOurs: boolean;
  /** Where the log ended when it was closed last; of this file or another one. */
  readonly closedEnd?: LogEnd | undefined;
}

/** What is odd about a log as a whole. Damage makes `verify` fail, a note does not. */
export interface SnapshotRemark {
  readonly severity: 'damage' | 'note';
  readonly file: string;
  readonly reason: string;
}

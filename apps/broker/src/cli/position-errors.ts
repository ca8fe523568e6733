import { GenRocksError } from '@genrocks/storage';

/** `POSITION_MISMATCH`: the position file belongs to another input, output or topic. */
export class PositionMismatchError extends GenRocksError {
  constructor(path: string, reason: string) {
    super(
      'POSITION_MISMATCH',
      `${path} does not match: ${reason}; start again with --restart, or name another --position-file`,
      false,
      { details: { path } },
    );
  }
}

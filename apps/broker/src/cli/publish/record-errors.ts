import { GenRocksError } from '@genrocks/storage';
import { excerpt } from '../output.js';

/** Longest reason, in characters: it may quote a record of any length. */
const MAX_REASON = 200;

/** `INVALID_RECORD`: a record of the input is not a valid message. All records before it were published. */
export class InvalidRecordError extends GenRocksError {
  /** @param number number of the record, from 1, not counting empty lines */
  constructor(
    readonly number: number,
    reason: string,
    remedy?: string,
  ) {
    const told = `${excerpt(reason, MAX_REASON)}${remedy === undefined ? '' : `; ${remedy}`}`;
    super('INVALID_RECORD', `record ${number}: ${told}`, false, { details: { record: number } });
  }
}

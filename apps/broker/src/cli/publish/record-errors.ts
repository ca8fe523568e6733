import { GenRocksError } from '@genrocks/storage';
import { excerpt } from '../output.js';

/** What is wrong may quote a record of any length. */
const MAX_REASON = 200;

/** `INVALID_RECORD`: a record of the input that cannot become a message. What stood before it was published. */
export class InvalidRecordError extends GenRocksError {
  /** @param number counted from 1, empty lines left out */
  constructor(
    readonly number: number,
    reason: string,
    remedy?: string,
  ) {
    const told = `${excerpt(reason, MAX_REASON)}${remedy === undefined ? '' : `; ${remedy}`}`;
    super('INVALID_RECORD', `record ${number}: ${told}`, false, { details: { record: number } });
  }
}

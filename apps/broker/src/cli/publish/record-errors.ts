import { GenRocksError } from '@genrocks/storage';

/** `INVALID_RECORD`: a record of the input that cannot become a message. What stood before it was published. */
export class InvalidRecordError extends GenRocksError {
  /** @param number counted from 1, empty lines left out */
  constructor(
    readonly number: number,
    reason: string,
  ) {
    super('INVALID_RECORD', `record ${number}: ${reason}`, false, { details: { record: number } });
  }
}

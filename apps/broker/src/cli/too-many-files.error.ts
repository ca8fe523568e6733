import { GenRocksError } from '@genrocks/storage';

/** `TOO_MANY_FILES`: the process or the machine has run out of file descriptors; the message says which limit to raise. */
export class TooManyFilesError extends GenRocksError {
  constructor(explanation: string) {
    super('TOO_MANY_FILES', explanation, false);
  }
}

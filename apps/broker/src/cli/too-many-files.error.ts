import { GenRocksError } from '@genrocks/storage';

/** `TOO_MANY_FILES`: the process, or the machine, may open no more files; the message says where to raise the limit. */
export class TooManyFilesError extends GenRocksError {
  constructor(explanation: string) {
    super('TOO_MANY_FILES', explanation, false);
  }
}

import {
  GenRocksError,
  NoSpaceError,
  StorageIoError,
  type StoreEvent,
  SyncFailedError,
} from '@genrocks/storage';
import { isErrno, isOutOfDescriptors } from '../io/file-system.js';
import { UnfinishedStepError } from './durable-files.js';

/** What is told to the writers of a log when a write fails, and whether any may follow. */
export class WriteFailure {
  private failure: GenRocksError | undefined;

  constructor(
    /** The log's name in messages. */
    private readonly name: string,
    private readonly onEvent: (event: StoreEvent) => void,
  ) {}

  /** Why the log takes no more writes, if it does not. */
  get final(): GenRocksError | undefined {
    return this.failure;
  }

  refuse(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /**
   * Ends the writing. A failed sync is final: Linux reports it once and forgets the dirty pages, so trying again on the
   * same descriptor would answer success for data that is gone.
   */
  end(cause: unknown): GenRocksError {
    this.failure ??= new SyncFailedError(this.name, cause);
    this.onEvent({ type: 'failed', error: this.failure });
    return this.failure;
  }

  /**
   * Every error that a caller gets has a code; a step that broke off in the middle ends the writing.
   * @param details of an error of the system: what is known of the write
   */
  explain(error: unknown, details: { nothingStored?: true } = {}): GenRocksError {
    if (error instanceof StorageIoError && details.nothingStored)
      return new StorageIoError(error.message, error.cause, error.retriable, details);
    if (error instanceof GenRocksError) return error;
    if (error instanceof UnfinishedStepError) return this.end(error.cause);
    if (isNoSpace(error)) return this.noSpace(error);
    const { message } = error as Error;
    return new StorageIoError(
      `cannot write ${this.name}: ${message}`,
      error,
      isOutOfDescriptors(error),
      details,
    );
  }

  noSpace(cause: unknown): NoSpaceError {
    return new NoSpaceError(this.name, cause);
  }
}

export function isNoSpace(error: unknown): boolean {
  return isErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG');
}

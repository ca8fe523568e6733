import {
  GenRocksError,
  NoSpaceError,
  StorageIoError,
  type StoreEvent,
  SyncFailedError,
} from '@genrocks/storage';
import { isErrno, isOutOfDescriptors } from '../io/file-system.js';
import { UnfinishedStepError } from './durable-files.js';

/** What the writers of a log are told when a write fails, and whether any more may follow. */
export class WriteFailure {
  private failure: GenRocksError | undefined;

  constructor(
    /** The log's name in messages. */
    private readonly name: string,
    private readonly onEvent: (event: StoreEvent) => void,
  ) {}

  /** Why the log accepts no more writes; undefined while it accepts them. */
  get final(): GenRocksError | undefined {
    return this.failure;
  }

  refuse(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /**
   * Ends all writing, after a failed sync, a write that failed for another reason than lack of space, or an unfinished
   * step. A failed sync is final: Linux reports it once and forgets the dirty pages, so a retry on the same descriptor
   * would report success for data that is gone.
   */
  end(cause: unknown): GenRocksError {
    this.failure ??= new SyncFailedError(this.name, cause);
    this.onEvent({ type: 'failed', error: this.failure });
    return this.failure;
  }

  /**
   * Turns any error into one with a code, as callers expect. A step that broke off in the middle ends all writing.
   * @param details what is known of the write, for a system error
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

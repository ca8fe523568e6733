import { StorageIoError } from '@genrocks/storage';
import { isOutOfDescriptors } from './file-system.js';

/** The error for a read that the system refused. */
export function cannotRead(path: string, cause: unknown): StorageIoError {
  const { message } = cause as Error;
  return new StorageIoError(`cannot read ${path}: ${message}`, cause, isOutOfDescriptors(cause));
}

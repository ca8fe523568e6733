import type { FileSystem } from '../io/file-system.js';
import { writeAll } from '../io/write-all.js';

/**
 * A step that changes several files failed after its first change. The directory opens as before the step or as after
 * it, but what is in memory fits neither for certain: the log must take no more writes until it is reopened.
 */
export class UnfinishedStepError extends Error {
  constructor(override readonly cause: unknown) {
    super('a change of the log was left unfinished', { cause });
  }
}

/** Runs the part of a step from which there is no way back. */
export async function withoutReturn<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new UnfinishedStepError(error);
  }
}

/** Makes the names of the directory durable that a step changes. */
export type SyncNames = () => Promise<void>;

/**
 * Holds a directory open while a step changes it: were it opened for each sync, a shortage of descriptors could break
 * the step off in the middle.
 */
export async function withDirectory<T>(
  fs: FileSystem,
  path: string,
  step: (syncNames: SyncNames) => Promise<T>,
): Promise<T> {
  const directory = await fs.openDirectory(path);
  try {
    return await step(() => directory.sync());
  } finally {
    // Nothing was written through it.
    await directory.close().catch(() => undefined);
  }
}

/** Writes a new file whole and makes its bytes durable. Its name is not, until the directory is synced. */
export async function writeFresh(fs: FileSystem, path: string, bytes: Buffer): Promise<void> {
  const handle = await fs.open(path, { write: true, create: true });
  try {
    await writeAll(handle, bytes, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Copies a file, and has the copy on stable storage, whole, before its name stands. */
export async function copyDurably(
  fs: FileSystem,
  from: string,
  to: string,
  directory: string,
): Promise<void> {
  const temporary = `${to}.new`;
  await fs.copyFile(from, temporary);
  await fs.rename(temporary, to);
  await fs.syncDirectory(directory);
}

/** Puts a file with these bytes in the place of whatever has the name: after a crash it is the old one or the new. */
export async function replaceFile(
  fs: FileSystem,
  path: string,
  bytes: Buffer,
  temporary: string,
  directory: string,
): Promise<void> {
  await writeFresh(fs, temporary, bytes);
  await fs.rename(temporary, path);
  await fs.syncDirectory(directory);
}

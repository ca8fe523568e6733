import type { FileSystem } from '../io/file-system.js';
import { writeAll } from '../io/write-all.js';

/**
 * A step that changes several files failed after its first change. The directory opens as before the step or after
 * it, but the state in memory may match neither, so the log must accept no more writes until it is reopened.
 */
export class UnfinishedStepError extends Error {
  constructor(override readonly cause: unknown) {
    super('a change of the log files was left unfinished', { cause });
  }
}

/** Runs the part of a step that cannot be undone. */
export async function withoutReturn<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new UnfinishedStepError(error);
  }
}

/** Makes the names that a step changes in the directory durable. */
export type SyncNames = () => Promise<void>;

/**
 * Keeps a directory open while a step changes it. If each sync opened it anew, a shortage of descriptors could break
 * off the step in the middle.
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
    // Nothing was written through this handle.
    await directory.close().catch(() => undefined);
  }
}

/** Writes a new file and makes its bytes durable. Its name is durable only after a sync of the directory. */
export async function writeFresh(fs: FileSystem, path: string, bytes: Buffer): Promise<void> {
  const handle = await fs.open(path, { write: true, create: true });
  try {
    await writeAll(handle, bytes, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Copies a file; the copy is whole and durable before it gets its name. */
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

/**
 * Replaces whatever has this name by a file with these bytes. After a crash the name has the old file or the new one.
 */
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

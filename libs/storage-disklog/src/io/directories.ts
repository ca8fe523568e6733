import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileSystem, isErrno } from './file-system.js';

/** For the user alone: nobody else comes to what lies below, whatever the umask. */
export const PRIVATE_MODE = 0o700;

/**
 * Makes `base`, for the user alone, and the directories below it that `segments` name.
 *
 * Below `base` no link is followed: it could lead anywhere.
 *
 * @throws the system's error; ENOTDIR where a part of the path is something else
 */
export async function makeDirectories(
  fs: FileSystem,
  base: string,
  segments: readonly string[],
): Promise<void> {
  await makeBase(fs, base);
  let path = base;
  for (const segment of segments) {
    path = join(path, segment);
    if (!(await makeOne(path)) && !(await lstat(path)).isDirectory()) throw notADirectory(path);
  }
}

/**
 * Makes a directory and those above it that are missing, for the user alone. Step by step instead of `mkdir -p`, which
 * does not end on file systems like /proc.
 *
 * @returns the topmost that was made; undefined where `path` is there
 * @throws the system's error; ENOTDIR where a part of the path is something else
 */
export async function makeBase(fs: FileSystem, path: string): Promise<string | undefined> {
  try {
    if (await makeOne(path, PRIVATE_MODE)) return path;
    if (!(await stat(path)).isDirectory()) throw notADirectory(path);
    return undefined;
  } catch (error) {
    const parent = dirname(path);
    if (!isErrno(error, 'ENOENT') || parent === path || (await exists(parent))) throw error;
    const topmost = await makeBase(fs, parent);
    await makeOne(path, PRIVATE_MODE);
    await fs.syncDirectory(parent);
    return topmost ?? path;
  }
}

/** False where the name exists already. */
async function makeOne(path: string, mode?: number): Promise<boolean> {
  try {
    await mkdir(path, mode);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function notADirectory(path: string): Error {
  return Object.assign(new Error(`${path} is not a directory`), { code: 'ENOTDIR' });
}

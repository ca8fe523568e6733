import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileSystem, isErrno } from './file-system.js';

/** Only for the user, whatever the umask: nobody else can reach what lies below. */
export const PRIVATE_MODE = 0o700;

/**
 * Makes `base`, for the user alone, and the directories named by `segments` below it.
 *
 * Symbolic links below `base` are not followed, as they could lead anywhere.
 *
 * @throws the system's error; ENOTDIR if a part of the path is not a directory
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
 * Makes a directory and its missing parents, for the user alone. Goes step by step instead of `mkdir -p`, which does
 * not terminate on file systems like /proc.
 *
 * @returns the topmost directory that was made; undefined if `path` exists
 * @throws the system's error; ENOTDIR if a part of the path is not a directory
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

/** Returns false if the name exists already. */
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

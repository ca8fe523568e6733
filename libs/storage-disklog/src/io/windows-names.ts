import { join } from 'node:path';
import { type FileSystem, isErrno } from './file-system.js';

/**
 * Windows gives nobody the name of a file that is open, in our own process or in a virus scanner's; and before Node 22
 * a file that is removed while it is open keeps its name until it is closed. It lets open files be moved, though. So
 * a file in the way is moved aside, under a name that says what it was, and removed there.
 */
const ASIDE = /^(.+)\.(replaced|removed)-\d+-\d+$/;

/** The calls of the system that this is made of. */
export interface NameCalls {
  rename(from: string, to: string): Promise<void>;
  /** Fails where there is no such file. */
  unlink(path: string): Promise<void>;
  pause(ms: number): Promise<void>;
}

/** Scanners let go within moments: all pauses together are 1.3 s. */
const LONGEST_PAUSE = 640;

let asides = 0;

/**
 * Renames a file over another one. A crash leaves the old file under the name, or the new one, or the old one aside and
 * nothing under the name, which {@link finishNames} mends.
 */
export async function replaceFile(calls: NameCalls, from: string, to: string): Promise<void> {
  for (let pause = 5; ; pause *= 2) {
    try {
      return await calls.rename(from, to);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (await replaceByAside(calls, from, to)) return;
      if (pause > LONGEST_PAUSE) throw error;
    }
    await calls.pause(pause);
  }
}

/** False where even that is refused for now, and nothing has changed. */
async function replaceByAside(calls: NameCalls, from: string, to: string): Promise<boolean> {
  const aside = nameAside(to, 'replaced');
  if (!(await isDone(calls.rename(to, aside)))) return false;
  try {
    await calls.rename(from, to);
  } catch (error) {
    await calls.rename(aside, to);
    if (isRefusal(error)) return false;
    throw error;
  }
  // Who has it open reads on. One that stays must not be taken for one to put back, once the new file is gone, too.
  await removeFile(calls, aside).catch(() => undefined);
  return true;
}

/** Removes a file, whose name is free at once; nothing happens where there is none. */
export async function removeFile(calls: NameCalls, path: string): Promise<void> {
  const aside = nameAside(path, 'removed');
  const isAside = ASIDE.exec(path)?.[2] === 'removed';
  if (!isAside && (await isDone(calls.rename(path, aside)))) {
    await calls.unlink(aside).catch(() => undefined);
    return;
  }
  try {
    await calls.unlink(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Finishes what a crash has broken off in a directory: nobody else may have a file in it open for writing. */
export async function finishNames(fs: FileSystem, directory: string): Promise<void> {
  const names = (await fs.readdir(directory)).map(({ name }) => name);
  for (const name of names) {
    const [, original, why] = ASIDE.exec(name) ?? [];
    if (original === undefined) continue;
    const wasReplaced = why === 'removed' || names.includes(original);
    if (wasReplaced) await fs.unlink(join(directory, name)).catch(() => undefined);
    else await fs.rename(join(directory, name), join(directory, original));
  }
}

function nameAside(path: string, why: 'replaced' | 'removed'): string {
  return `${path}.${why}-${process.pid}-${asides++}`;
}

/** False where there is no such file, or it is refused. */
async function isDone(change: Promise<void>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isRefusal(error)) return false;
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  return isErrno(error, 'EPERM', 'EACCES', 'EBUSY');
}

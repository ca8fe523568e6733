import { join } from 'node:path';
import { type FileSystem, isErrno } from './file-system.js';

/**
 * Windows does not give a file's name to another file while anybody has it open, be it this process or a virus
 * scanner. Before Node 22, a file that is removed while it is open keeps its name until it is closed. But Windows
 * does let open files be renamed. So a file that is in the way is moved aside, under a name that says what it was,
 * and removed there.
 */
const ASIDE = /^(.+)\.(replaced|removed)-\d+-\d+$/;

/** The system calls used here. */
export interface NameCalls {
  rename(from: string, to: string): Promise<void>;
  /** Fails if there is no such file. */
  unlink(path: string): Promise<void>;
  pause(ms: number): Promise<void>;
}

/** Scanners let go within moments. All pauses together take 1.3 s. */
const LONGEST_PAUSE = 640;

let asides = 0;

/**
 * Renames a file over another one. A crash leaves the old file or the new one under the name, or the old one aside
 * and nothing under the name, which {@link finishNames} repairs.
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

/** Returns false if even that is refused for now; nothing has changed then. */
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
  // Readers that have the old file open read on. Removed now: once the new file is gone too, it would pass for one to
  // put back.
  await removeFile(calls, aside).catch(() => undefined);
  return true;
}

/** Removes a file, if it exists; its name is free at once. */
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

/**
 * Completes, in a directory, the renames that a crash interrupted. Nobody else may have a file in it open for
 * writing.
 */
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

/** Returns false if there is no such file, or the change is refused. */
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

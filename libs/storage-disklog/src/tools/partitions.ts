import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { InvalidArgumentError } from '@genrocks/storage';
import { tellsOfLog } from '../engine/names.js';
import { isErrno } from '../io/file-system.js';
import { NotALogError } from './errors.js';

/** A partition's directory, with its topic and number according to its path. */
export interface PartitionDirectory {
  /** Its absolute path. */
  readonly directory: string;
  /** Path below the directory that was named; empty for that directory itself. */
  readonly path: string;
  /** Its topic. */
  readonly topic: string;
  /** Its number, from 0. */
  readonly partition: number;
}

const PARTITION = /^partition_(\d+)$/;
const DESTROYED = /^~destroyed-/;

/**
 * The partitions at or below a directory, sorted by topic and number. The directory may be that of a partition, of a
 * topic, or a whole log_dir. Links are not followed.
 * @throws {NotALogError} `NOT_A_LOG` if there are none; `INVALID_ARGUMENT` for an empty path; the system's error
 */
export async function findPartitions(directory: string): Promise<PartitionDirectory[]> {
  // It would mean the working directory, which is hardly ever intended.
  if (directory === '')
    throw new InvalidArgumentError('an empty path names no directory; use "." for the current one');
  const base = resolve(directory);
  const names = await list(base);
  if (names === undefined) throw new NotALogError(directory, await whyNoDirectory(base));
  if (holdsLog(names)) return [describe(base, base)];
  const found: PartitionDirectory[] = [];
  await collect(base, base, found);
  if (found.length === 0) throw new NotALogError(directory, names.length === 0 ? 'is empty' : 'holds no log');
  return found.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition));
}

async function collect(base: string, directory: string, found: PartitionDirectory[]): Promise<void> {
  for (const { name, isDirectory } of (await list(directory)) ?? []) {
    if (!isDirectory || DESTROYED.test(name)) continue;
    const path = join(directory, name);
    if (PARTITION.test(name)) {
      const names = await list(path);
      if (names !== undefined && holdsLog(names)) found.push(describe(base, path));
    } else await collect(base, path, found);
  }
}

function describe(base: string, directory: string): PartitionDirectory {
  const parent = dirname(directory);
  const below = relative(base, parent);
  const topic = below === '' || below.startsWith('..') ? basename(parent) : below.split(sep).join('/');
  const number = PARTITION.exec(basename(directory))?.[1];
  return { directory, path: relative(base, directory), topic, partition: Number(number ?? 0) };
}

async function whyNoDirectory(path: string): Promise<string> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 'does not exist';
  return found.isSymbolicLink() ? 'is a link that leads to no directory' : 'is not a directory';
}

interface Name {
  readonly name: string;
  readonly isDirectory: boolean;
}

async function list(directory: string): Promise<Name[] | undefined> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function holdsLog(names: readonly Name[]): boolean {
  return names.some(({ name, isDirectory }) => !isDirectory && tellsOfLog(name));
}

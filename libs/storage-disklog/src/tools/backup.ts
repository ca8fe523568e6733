import { mkdir, rename, rm } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { isErrno, nodeFileSystem } from '../io/file-system.js';
import { PartitionBackup } from './backup-partition.js';
import { exists, StagedDirectory, writeDurably } from './durable.js';
import { NotALogError, TargetNotEmptyError } from './errors.js';
import { LogSnapshot } from './log-snapshot.js';
import {
  type BackupManifest,
  type BackupPartition,
  MANIFEST,
  readManifest,
  writeManifest,
} from './manifest.js';
import { findPartitions, type PartitionDirectory } from './partitions.js';

/** How a backup is made. */
export interface BackupOptions {
  /** Called for every partition that has been copied. */
  readonly onPartition?: (partition: BackupPartition, reusedFiles: number) => void;
}

/** What a backup contains, and how much of it was newly copied. */
export interface BackupReport {
  /** Directory of the backup. */
  readonly directory: string;
  /** Partitions in the backup. */
  readonly partitions: readonly BackupPartition[];
  /** Size of all files in bytes. */
  readonly bytes: number;
  /** Files taken over from the previous backup instead of being copied again. */
  readonly reusedFiles: number;
  /** Files that were copied. */
  readonly copiedFiles: number;
  /** Partitions that were deleted while the backup ran. */
  readonly vanished: readonly string[];
}

/**
 * Copies a log directory (one partition, a topic, or a whole log_dir), whether or not it is in use. The copy can be
 * opened directly. For every partition it contains a gap-free stretch of the log, with everything that was
 * acknowledged before the copying of that partition began, except what retention had dropped.
 *
 * Partitions are copied one after the other, so each copy is from a different moment. Stores of the service's own
 * state (names that begin with `__`) come last: the offsets in them are at least as new as the data.
 *
 * If the target contains an earlier backup, files that have not changed since are taken over from it. It stays intact
 * until the new one replaces it.
 *
 * @throws `NOT_A_LOG`; `TARGET_NOT_EMPTY` if the target contains anything but a backup; `LOCKED` while another backup to
 * `target` runs; `LOG_CHANGING`
 */
export async function backupLogs(
  source: string,
  target: string,
  options: BackupOptions = {},
): Promise<BackupReport> {
  const from = resolve(source);
  const to = resolve(target);
  refuseNesting(from, to);
  const startedAt = Date.now();
  await recoverPrevious(to);
  const previous = await previousBackup(to);
  const found = inOrder(await findPartitions(from));
  const staged = await StagedDirectory.create(to, 'unfinished', {
    mayReplace: previous !== undefined,
    remedy: REMEDY,
  });
  try {
    const run = new Run(to, staged.path, previous, options);
    for (const partition of found) await run.add(partition);
    const { partitions } = run;
    const manifest = writeManifest({ source: from, startedAt, finishedAt: Date.now(), partitions });
    await writeDurably(join(staged.path, MANIFEST), manifest);
    await takePlace(staged, to, previous !== undefined);
    return run.report();
  } catch (error) {
    await staged.abandon();
    throw error;
  }
}

const REMEDY = 'name a new directory, or that of an earlier backup';

class Run {
  readonly partitions: BackupPartition[] = [];
  private readonly vanished: string[] = [];
  private reused = 0;
  private copied = 0;

  constructor(
    private readonly target: string,
    private readonly staged: string,
    private readonly previous: BackupManifest | undefined,
    private readonly options: BackupOptions,
  ) {}

  async add(source: PartitionDirectory): Promise<void> {
    const path = source.path.split(sep).join('/');
    const directory = join(this.staged, path);
    await mkdir(directory, { recursive: true });
    const takenAt = Date.now();
    const snapshot = await LogSnapshot.open(source.directory).catch((error: unknown) => {
      if (error instanceof NotALogError || isErrno(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (snapshot === undefined) {
      this.vanished.push(source.directory);
      await rm(directory, { recursive: true, force: true });
      return;
    }
    try {
      const before = this.previous?.partitions.find((partition) => partition.path === path);
      const backup = new PartitionBackup(snapshot, directory, join(this.target, path), before?.files ?? []);
      const { files, damagedRanges, reused } = await backup.run();
      const { topic, partition } = source;
      const openIn = snapshot.owner === undefined ? {} : { openIn: snapshot.owner };
      const remarks = snapshot.remarks.length === 0 ? {} : { remarks: snapshot.remarks };
      const facts = { topic, partition, path, type: snapshot.type, ...openIn, takenAt, damagedRanges };
      const entry = { ...facts, ...remarks, files };
      this.partitions.push(entry);
      this.reused += reused;
      this.copied += files.length - reused;
      this.options.onPartition?.(entry, reused);
    } finally {
      await snapshot.close();
    }
  }

  report(): BackupReport {
    const bytes = this.partitions.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0);
    const { partitions, reused: reusedFiles, copied: copiedFiles, vanished } = this;
    return { directory: this.target, partitions, bytes, reusedFiles, copiedFiles, vanished };
  }
}

function inOrder(partitions: readonly PartitionDirectory[]): PartitionDirectory[] {
  const isOwnState = ({ topic }: PartitionDirectory) => topic.startsWith('__');
  return [...partitions.filter((partition) => !isOwnState(partition)), ...partitions.filter(isOwnState)];
}

function refuseNesting(from: string, to: string): void {
  const below = relative(from, to);
  const above = relative(to, from);
  const isNested = (path: string) => path === '' || (!path.startsWith('..') && !path.startsWith(sep));
  if (isNested(below) || isNested(above)) {
    throw new TargetNotEmptyError(to, `it lies within ${from}, or holds it; name a directory elsewhere`);
  }
}

/** The backup at the target; undefined if there is none. */
async function previousBackup(target: string): Promise<BackupManifest | undefined> {
  if (!(await exists(join(target, MANIFEST)))) return undefined;
  return readManifest(target);
}

const OLD = 'old';

/**
 * An earlier run may have ended between its two renames: the previous backup is then intact, under the other name.
 */
async function recoverPrevious(target: string): Promise<void> {
  if (!(await exists(`${target}.${OLD}`))) return;
  if (await exists(target)) await rm(`${target}.${OLD}`, { recursive: true, force: true });
  else await rename(`${target}.${OLD}`, target);
}

async function takePlace(staged: StagedDirectory, target: string, replaces: boolean): Promise<void> {
  const replaced = await staged.publish(OLD);
  if (!replaces || replaced === undefined) return;
  // The new backup contains everything that was still of use in the old one.
  await rm(replaced, { recursive: true, force: true });
  await nodeFileSystem.syncDirectory(join(target, '..'));
}

import { copyFile, mkdir, open } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { BackupInvalidError } from './errors.js';
import { exists, StagedDirectory } from './durable.js';
import { LockedError } from '@genrocks/storage';
import { LogSnapshot } from './log-snapshot.js';
import { type BackupPartition, checkFiles, readManifest } from './manifest.js';
import { findPartitions } from './partitions.js';

/** How a backup is restored. */
export interface RestoreOptions {
  /** Replace what is at the target; it is moved to `<target>.replaced`, not deleted. */
  readonly force?: boolean;
}

/** What was restored. */
export interface RestoreReport {
  /** Directory of the restored log. */
  readonly directory: string;
  /** Partitions in the backup. */
  readonly partitions: readonly BackupPartition[];
  /** Size of all files in bytes. */
  readonly bytes: number;
  /** Where the previous content of the target is now. */
  readonly replaced?: string;
}

/**
 * Restores a backup to a new or empty directory. All checksums are verified before copying, and those of the copies
 * after it. The target gets everything or stays as it was.
 *
 * @throws `BACKUP_INVALID`, `TARGET_NOT_EMPTY`, `LOCKED` if a process has a log at the target open, or
 * another restore to it runs
 */
export async function restoreBackup(
  backup: string,
  target: string,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  const from = resolve(backup);
  const to = resolve(target);
  const manifest = await readManifest(from);
  await refuse(from, await checkFiles(from, manifest));
  if (options.force === true) await refuseOpen(to);
  const remedy = 'name a new directory, or pass --force to replace it (it is kept under another name)';
  const staged = await StagedDirectory.create(to, 'restoring', {
    mayReplace: options.force === true,
    remedy,
  });
  try {
    for (const { path, files } of manifest.partitions) {
      await mkdir(join(staged.path, path), { recursive: true });
      for (const { name } of files) await copy(join(from, path, name), join(staged.path, path, name));
    }
    await refuse(from, await checkFiles(staged.path, manifest));
    const replaced = await staged.publish();
    const { partitions } = manifest;
    const bytes = partitions.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0);
    return { directory: to, partitions, bytes, ...(replaced === undefined ? {} : { replaced }) };
  } catch (error) {
    await staged.abandon();
    throw error;
  }
}

async function refuse(directory: string, problems: readonly string[]): Promise<void> {
  if (problems.length > 0) throw new BackupInvalidError(directory, problems);
}

async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  const handle = await open(to, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A broker that has it open would keep writing into the directory that was moved away. */
async function refuseOpen(directory: string): Promise<void> {
  if (!(await exists(directory))) return;
  const partitions = await findPartitions(directory).catch(() => []);
  for (const partition of partitions) {
    const snapshot = await LogSnapshot.open(partition.directory);
    await snapshot.close();
    if (snapshot.owner !== undefined)
      throw new LockedError(
        join(basename(dirname(partition.directory)), basename(partition.directory)),
        snapshot.owner,
      );
  }
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { assertPartition, assertTopicName } from '@genrocks/storage';
import { BackupInvalidError } from './errors.js';
import { readSmall } from './read-handle.js';
import type { SnapshotRemark } from './snapshot-file.js';

/** The manifest's name in a backup. */
export const MANIFEST = 'genrocks-backup.json';
const VERSION = 1;
const MAX_MANIFEST_BYTES = 256 << 20;

/** A file of a backup. */
export interface BackupFile {
  /** Its name in the directory of its partition. */
  readonly name: string;
  /** Its size in bytes. */
  readonly bytes: number;
  /** Its checksum, in hexadecimal. */
  readonly sha256: string;
  /**
   * Generation of a log file, if its items carry one. Together with the size it tells whether two backups have the
   * same file.
   */
  readonly generation?: number;
}

/** A partition of a backup. */
export interface BackupPartition {
  /** Its topic, by its path. */
  readonly topic: string;
  /** Its number, from 0. */
  readonly partition: number;
  /** Its directory below that of the backup; empty for a backup of one partition directory. */
  readonly path: string;
  /** `single`: one file, or segments, of a halt or compact log. `empty`: nothing was written yet. */
  readonly type: 'wrap' | 'single' | 'empty';
  /** The id of the process that had the log open while it was copied. */
  readonly openIn?: number;
  /** When its files were opened, in milliseconds since 1970: everything acknowledged before is in the copy. */
  readonly takenAt: number;
  /** Stretches that are damaged in the log, and therefore in the copy. */
  readonly damagedRanges: number;
  /** What is wrong or odd about the log as a whole, such as a missing file; absent if nothing is. */
  readonly remarks?: readonly SnapshotRemark[];
  /** Its files. */
  readonly files: readonly BackupFile[];
}

/** The content of `genrocks-backup.json`. */
export interface BackupManifest {
  /** The version of this format. */
  readonly genrocksBackup: number;
  /** The directory that was copied. */
  readonly source: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Milliseconds since 1970. */
  readonly finishedAt: number;
  /** The partitions in the backup. */
  readonly partitions: readonly BackupPartition[];
}

export function writeManifest(manifest: Omit<BackupManifest, 'genrocksBackup'>): Buffer {
  return Buffer.from(`${JSON.stringify({ genrocksBackup: VERSION, ...manifest }, null, 2)}\n`);
}

/**
 * @throws {BackupInvalidError} `BACKUP_INVALID` if it is missing, is not a manifest, or names anything outside the
 * backup
 */
export async function readManifest(directory: string): Promise<BackupManifest> {
  const bytes = await readSmall(join(directory, MANIFEST), MAX_MANIFEST_BYTES).catch(() => undefined);
  if (bytes === undefined) throw new BackupInvalidError(directory, [`${MANIFEST} is missing`]);
  let manifest: BackupManifest;
  try {
    manifest = JSON.parse(bytes.toString('utf8')) as BackupManifest;
    assertShape(manifest);
  } catch (error) {
    throw new BackupInvalidError(directory, [`${MANIFEST} cannot be used: ${(error as Error).message}`]);
  }
  return manifest;
}

const FILE_NAME = /^log(\.[a-z0-9.]+)?$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** A manifest may come from anywhere; nothing in it may lead out of the backup, or out of the restored directory. */
function assertShape({ genrocksBackup, partitions }: BackupManifest): void {
  if (genrocksBackup !== VERSION) throw new Error(`its version is ${String(genrocksBackup)}, not ${VERSION}`);
  const paths = new Set<string>();
  for (const { topic, partition, path, files } of partitions) {
    assertPartition(partition);
    if (path !== '') {
      const segments = path.split('/');
      const last = segments.pop();
      if (last !== `partition_${partition}`)
        throw new Error(`${JSON.stringify(path)} is not the path of a partition`);
      if (segments.length > 0) assertTopicName(segments.join('/'));
    } else if (partitions.length > 1) throw new Error('several partitions without a path');
    if (typeof topic !== 'string') throw new Error('a topic is not a string');
    if (paths.has(path)) throw new Error(`${path} is listed twice`);
    paths.add(path);
    for (const { name, bytes, sha256 } of files) {
      if (!FILE_NAME.test(name)) throw new Error(`${JSON.stringify(name)} is not the name of a log file`);
      if (!Number.isSafeInteger(bytes) || bytes < 0 || !SHA256.test(sha256))
        throw new Error(`${name}: invalid size or checksum`);
    }
  }
}

/** Describes files that do not match the manifest. */
export async function checkFiles(directory: string, manifest: BackupManifest): Promise<string[]> {
  const problems: string[] = [];
  for (const { path, files } of manifest.partitions) {
    for (const file of files) {
      const problem = await checkFile(join(directory, path, file.name), file);
      if (problem !== undefined) problems.push(`${join(path, file.name)}: ${problem}`);
    }
  }
  return problems;
}

async function checkFile(path: string, { bytes, sha256 }: BackupFile): Promise<string | undefined> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return 'missing';
  if (!found.isFile()) return 'not a file';
  if (found.size !== bytes) return `has ${found.size} bytes instead of ${bytes}`;
  return (await sha256Of(path)) === sha256 ? undefined : 'its checksum differs';
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

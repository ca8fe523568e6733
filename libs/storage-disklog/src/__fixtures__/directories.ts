import { accessSync, constants, cpSync, rmSync, statfsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LogEntry, PartitionStore } from '@genrocks/storage';
import { type DiskLogOptions, DiskLogStorageAdapter } from '../index.js';

export const GOLDEN = fileURLToPath(new URL('../../test-data/golden/', import.meta.url));

/** Files in memory, on Linux; containers have only 64 MiB of it, which is not enough. */
const SHARED_MEMORY = '/dev/shm';
const MIN_MEMORY = 512 << 20;

/** Temporary directories of a spec, removed together. */
export class Scratch {
  private readonly made: string[] = [];

  constructor(private readonly parent = tmpdir()) {}

  /**
   * In memory if there is enough. For specs in which a layer above the real files fails or records the calls: there,
   * real syncs prove nothing, and a device takes twice the time.
   */
  static inMemory(): Scratch {
    try {
      accessSync(SHARED_MEMORY, constants.W_OK);
      const { bavail, bsize } = statfsSync(SHARED_MEMORY);
      if (bavail * bsize >= MIN_MEMORY) return new Scratch(SHARED_MEMORY);
    } catch {
      // Not on Linux.
    }
    return new Scratch();
  }

  async directory(): Promise<string> {
    const path = await mkdtemp(join(this.parent, 'genrocks-disklog-'));
    this.made.push(path);
    return path;
  }

  /** A log directory in which topic `golden`, partition 0 is a copy of a reference log. */
  async golden(name: string): Promise<string> {
    const logDir = await this.directory();
    await cp(join(GOLDEN, name), partitionOf(logDir, 'golden'), { recursive: true });
    return logDir;
  }

  async clear(): Promise<void> {
    for (const path of this.made.splice(0)) await rm(path, { recursive: true, force: true });
  }
}

/**
 * Copies what a kill would leave of an open log: synchronously, so that nothing of this process comes between. A
 * single call in flight may remove a file during the copy; then the copy is made again.
 */
export function copyOpenLog(logDir: string, target: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      cpSync(logDir, target, { recursive: true, filter: (path) => !path.endsWith('log.lock') });
      return;
    } catch (error) {
      if (attempt === 5) throw error;
      rmSync(target, { recursive: true, force: true });
    }
  }
}

export function partitionOf(logDir: string, topic = 't'): string {
  return join(logDir, topic, 'partition_0');
}

/** Opens one store, lets the test use it, and closes everything. */
export async function withStore<T>(
  options: DiskLogOptions,
  use: (store: PartitionStore) => Promise<T>,
  topic = 't',
): Promise<T> {
  const adapter = new DiskLogStorageAdapter(options);
  try {
    return await use(await adapter.open(topic, 0));
  } finally {
    await adapter.close();
  }
}

export async function logEntries(store: PartitionStore, skipDamaged = false): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const entry of store.readLogEntries({ skipDamaged })) entries.push(entry);
  return entries;
}

/** Log entries as `key=value@timestamp`, deletions as `key-@timestamp`. */
export function asText(entries: readonly LogEntry[]): string[] {
  return entries.map((entry) =>
    entry.type === 'put'
      ? `${entry.key.toString()}=${entry.value.toString()}@${entry.timestamp}`
      : `${entry.key.toString()}-@${entry.timestamp}`,
  );
}

export async function scanText(store: PartitionStore): Promise<Record<string, string>> {
  const result: Record<string, string> = {};
  for await (const { key, value } of store.scan()) result[key.toString()] = value.toString();
  return result;
}

/** Every file of a directory with its bytes. */
export async function snapshot(directory: string): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if ((await stat(path)).isFile()) files[name] = await readFile(path);
  }
  return files;
}

import { checkOptions, IsSize, parseSize } from '@genrocks/storage/config';
import { InvalidConfigError } from '@genrocks/storage';
import { IsIn, IsInt, IsNotEmpty, IsOptional, IsString, Max, Min } from 'class-validator';
import type { SyncMode } from './engine/syncs.js';
import { MAX_FILES } from './format/headers.js';

/** Settings that a single store may override (`OpenStoreOptions.settings`). In YAML, in snake case (`log_type`). */
export class DiskLogStoreSettings {
  /**
   * `wrap` (default): `maxNoFiles` files used in turn, the oldest is overwritten. `halt`: one file; when it is full, writes
   * are refused with `LOG_FULL`. `compact`: keeps the newest value of every key for ever; older ones are reclaimed in the
   * background.
   */
  @IsOptional()
  @IsIn(['wrap', 'halt', 'compact'])
  logType?: 'wrap' | 'halt' | 'compact';

  /** Files of a wrap log, 1 to 65,000. Default 10. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_FILES)
  maxNoFiles?: number;

  /**
   * Bytes of each file of a wrap log, or of a halt log, as a number or as text (`50MB`). Default 10 MiB. A compact log has
   * no limit; this is the size of its segments, at most 8 MiB.
   */
  @IsOptional()
  @IsSize({ min: 64 })
  maxNoBytes?: number | string;

  /** `truncate` (default): cut a torn tail on open. `false`: refuse a log that was not closed with `NEED_REPAIR`. */
  @IsOptional()
  @IsIn(['truncate', true, false, 'true', 'false'])
  repair?: 'truncate' | boolean | 'true' | 'false';

  /**
   * `internal` (default): Erlang's disk_log format, with checksums. `external`: one JSON object per line, for `jq`, `grep`
   * and log shippers; the same guarantees, at a cost in space and speed.
   */
  @IsOptional()
  @IsIn(['internal', 'external'])
  format?: 'internal' | 'external';

  /**
   * When a write is acknowledged. `always` (default): when it is on stable storage. `interval`: when the operating system
   * has it; the log syncs every `syncIntervalMs`. `os`: when the operating system has it.
   */
  @IsOptional()
  @IsIn(['always', 'interval', 'os'])
  sync?: SyncMode;

  /** Milliseconds between syncs under `sync: interval`, 1 to 60,000. Default 100. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(60_000)
  syncIntervalMs?: number;

  /**
   * What a wrap log does when it comes round. `overwrite` (default): drop the oldest file. `reject`: refuse the write with
   * `RETENTION_FULL` while that file holds a key from `retainFrom` on, or, before the first `retainFrom`, any key.
   */
  @IsOptional()
  @IsIn(['overwrite', 'reject'])
  overflow?: 'overwrite' | 'reject';
}

/** Options of the disk-log adapter: where its logs are, and the settings of stores that do not override them. */
export class DiskLogOptions extends DiskLogStoreSettings {
  /** Base directory; partition N of a topic lives in `logDir/<topic>/partition_<N>`. Default `./gen_rocks_data`. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  logDir?: string;
}

/** Settings with every default filled in and every size in bytes. */
export interface ResolvedSettings {
  readonly logType: 'wrap' | 'halt' | 'compact';
  readonly maxNoFiles: number;
  readonly maxNoBytes: number;
  readonly repair: 'truncate' | false;
  readonly format: 'internal' | 'external';
  readonly sync: SyncMode;
  readonly syncIntervalMs: number;
  readonly overflow: 'overwrite' | 'reject';
}

/** The default of `logDir`, relative to the working directory. */
export const DEFAULT_LOG_DIR = './gen_rocks_data';

/**
 * Combines a store's settings with the adapter's options and the defaults.
 * @throws {InvalidConfigError} `INVALID_CONFIG` for a setting that is unknown or not allowed
 */
export function resolveSettings(
  options: DiskLogOptions,
  settings: Readonly<Record<string, unknown>> = {},
): ResolvedSettings {
  const where = 'storage.disk_log';
  const own = checkOptions(DiskLogStoreSettings, settings, { where });
  const given = { ...options, ...withoutUndefined(own) };
  const resolved: ResolvedSettings = {
    logType: given.logType ?? 'wrap',
    maxNoFiles: given.maxNoFiles ?? 10,
    maxNoBytes: given.maxNoBytes === undefined ? 10 << 20 : parseSize(given.maxNoBytes),
    repair: given.repair === false || given.repair === 'false' ? false : 'truncate',
    format: given.format ?? 'internal',
    sync: given.sync ?? 'always',
    syncIntervalMs: given.syncIntervalMs ?? 100,
    overflow: given.overflow ?? 'overwrite',
  };
  if (resolved.overflow === 'reject' && (resolved.logType !== 'wrap' || resolved.maxNoFiles < 2)) {
    const allowed = 'it needs log_type "wrap" with max_no_files of 2 or more';
    throw new InvalidConfigError([`${where}.overflow: "reject" is not allowed; ${allowed}`]);
  }
  return resolved;
}

function withoutUndefined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

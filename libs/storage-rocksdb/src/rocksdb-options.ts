import { checkOptions, IsSize, parseSize } from '@genrocks/storage/config';
import { IsBoolean, IsIn, IsInt, IsNotEmpty, IsOptional, IsString, Max, Min } from 'class-validator';

/** When a write is acknowledged: `always` when it is on stable storage, `os` when the operating system has it. */
export type SyncMode = 'always' | 'os';

/** Settings that a single store may override (`OpenStoreOptions.settings`). */
export class RocksDbStoreSettings {
  /**
   * When a write is acknowledged. `always` (default): when it is on stable storage. `os`: when the operating system has it;
   * a crash of the process loses nothing, a power cut may lose the newest writes.
   */
  @IsOptional()
  @IsIn(['always', 'os'])
  sync?: SyncMode;
}

/** Options of the RocksDB adapter. In YAML, in snake case (`create_if_missing`). */
export class RocksDbOptions extends RocksDbStoreSettings {
  /** Directory of the database, which holds all stores. Default `./gen_rocks_data/rocksdb`. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  path?: string;

  /** Create the database if there is none. Default true; false refuses to start without one. */
  @IsOptional()
  @IsBoolean()
  createIfMissing?: boolean;

  /**
   * Size of a write buffer, as a number or as text (`64MB`): writes stay in memory until it is full and goes to a table
   * file. 64 KiB to 4 GiB, default 64 MiB.
   */
  @IsOptional()
  @IsSize({ min: 64 * 1024, max: 4 * 1024 ** 3 })
  writeBufferSize?: number | string;

  /** Maximum number of write buffers, including the active one. When all are full, writes wait. 2 to 64, default 2. */
  @IsOptional()
  @IsInt()
  @Min(2)
  @Max(64)
  maxWriteBufferNumber?: number;

  /**
   * `none` (default), or `deflate`: each value of 256 bytes or more is deflated, if that makes it smaller. May be changed at
   * any time; stored values stay readable.
   */
  @IsOptional()
  @IsIn(['none', 'deflate'])
  compression?: 'none' | 'deflate';

  /** Maximum number of table files kept open; -1 (default) keeps all of them open. */
  @IsOptional()
  @IsInt()
  @Min(-1)
  @Max(1_000_000)
  maxOpenFiles?: number;

  /**
   * What an open does with a damaged write-ahead log. `point_in_time` (default): drop everything from the damage on.
   * `strict`: cut a torn tail, and refuse any other damage with `LOG_CORRUPT`.
   */
  @IsOptional()
  @IsIn(['point_in_time', 'strict'])
  recovery?: 'point_in_time' | 'strict';
}

/** Options with every default filled in and every size in bytes. */
export interface ResolvedOptions {
  readonly path: string;
  readonly createIfMissing: boolean;
  readonly writeBufferSize: number;
  readonly maxWriteBufferNumber: number;
  readonly compression: 'none' | 'deflate';
  readonly maxOpenFiles: number;
  readonly recovery: 'point_in_time' | 'strict';
  readonly sync: SyncMode;
}

/** The default of `path`, relative to the working directory. */
export const DEFAULT_ROCKSDB_PATH = './gen_rocks_data/rocksdb';

const WHERE = 'storage.rocksdb';

/**
 * Checks options and fills in the defaults.
 * @throws `INVALID_CONFIG` for an option that is unknown or not allowed
 */
export function resolveOptions(options: RocksDbOptions): ResolvedOptions {
  const given = checkOptions(RocksDbOptions, options, { where: WHERE });
  return {
    path: given.path ?? DEFAULT_ROCKSDB_PATH,
    createIfMissing: given.createIfMissing ?? true,
    writeBufferSize: parseSize(given.writeBufferSize ?? 64 * 1024 * 1024),
    maxWriteBufferNumber: given.maxWriteBufferNumber ?? 2,
    compression: given.compression ?? 'none',
    maxOpenFiles: given.maxOpenFiles ?? -1,
    recovery: given.recovery ?? 'point_in_time',
    sync: given.sync ?? 'always',
  };
}

/**
 * Checks the settings of a single store.
 * @throws `INVALID_CONFIG` for a setting that is unknown or not allowed
 */
export function checkSettings(settings: Readonly<Record<string, unknown>> | undefined): RocksDbStoreSettings {
  return checkOptions(RocksDbStoreSettings, settings, { where: WHERE });
}

import { checkOptions, IsSize, parseSize } from '@genrocks/storage/config';
import { IsBoolean, IsIn, IsInt, IsNotEmpty, IsOptional, IsString, Max, Min } from 'class-validator';

/** `always`: acknowledged when it is on stable storage. `os`: when the operating system has it. */
export type SyncMode = 'always' | 'os';

/** Settings that every store may have its own of (`OpenStoreOptions.settings`). */
export class RocksDbStoreSettings {
  /**
   * When a write is acknowledged. `always` (default): it is on stable storage. `os`: the operating system has it; a
   * crash of the process loses nothing, a power cut may lose the newest writes.
   */
  @IsOptional()
  @IsIn(['always', 'os'])
  sync?: SyncMode;
}

/** Options of the RocksDB adapter. In YAML in snake case (`create_if_missing`). */
export class RocksDbOptions extends RocksDbStoreSettings {
  /** Directory of the database, which holds all stores. Default `./gen_rocks_data/rocksdb`. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  path?: string;

  /** Create the database where there is none. Default true; false refuses to start without it. */
  @IsOptional()
  @IsBoolean()
  createIfMissing?: boolean;

  /** Bytes of writes kept in memory before they go to a table file, as a number or such as `64MB`. Default 64 MiB. */
  @IsOptional()
  @IsSize({ min: 64 * 1024, max: 4 * 1024 ** 3 })
  writeBufferSize?: number | string;

  /** Write buffers at most, the one being written included; when all are full, writes wait. Default 2. */
  @IsOptional()
  @IsInt()
  @Min(2)
  @Max(64)
  maxWriteBufferNumber?: number;

  /**
   * `none` (default), or `deflate`: each value from 256 bytes is deflated where that makes it smaller. May be changed
   * at any time; what is stored stays readable.
   */
  @IsOptional()
  @IsIn(['none', 'deflate'])
  compression?: 'none' | 'deflate';

  /** Table files kept open at most; -1 (default) keeps all of them open. */
  @IsOptional()
  @IsInt()
  @Min(-1)
  @Max(1_000_000)
  maxOpenFiles?: number;

  /**
   * What to do on open with a damaged write-ahead log. `point_in_time` (default): go back to the last whole record
   * before the damage. `strict`: cut a torn tail, and refuse anything else with `LOG_CORRUPT`.
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

/** Default of `path`. */
export const DEFAULT_ROCKSDB_PATH = './gen_rocks_data/rocksdb';

const WHERE = 'storage.rocksdb';

/** @throws `INVALID_CONFIG` */
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

/** @throws `INVALID_CONFIG` */
export function checkSettings(settings: Readonly<Record<string, unknown>> | undefined): RocksDbStoreSettings {
  return checkOptions(RocksDbStoreSettings, settings, { where: WHERE });
}

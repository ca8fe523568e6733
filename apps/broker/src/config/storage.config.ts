import { resolve } from 'node:path';
import { EtsOptions } from '@genrocks/storage-ets';
import { Type } from 'class-transformer';
import { IsIn, IsOptional, ValidateNested } from 'class-validator';
import { type AdapterName, ADAPTERS } from './adapters.js';
import { DEFAULT_LOG_DIR, DiskLogOptions } from '@genrocks/storage-disklog';
import { DEFAULT_ROCKSDB_PATH, RocksDbOptions } from '@genrocks/storage-rocksdb';

/** `storage`: where messages are kept, and the options of each adapter. */
export class StorageConfig {
  /** The adapter of every topic that does not name another one. */
  @IsIn(ADAPTERS)
  adapter: AdapterName = 'disk_log';

  /** Filled in where the disk log is used; absent where nothing asks for it, and no directory is made then. */
  @IsOptional()
  @ValidateNested()
  @Type(() => DiskLogOptions)
  diskLog?: DiskLogOptions;

  /** Memory: of topics that are kept there, or of all. */
  @ValidateNested()
  @Type(() => EtsOptions)
  ets: EtsOptions = new EtsOptions();

  /** Filled in where RocksDB is used; absent where nothing asks for it, and no database is made then. */
  @IsOptional()
  @ValidateNested()
  @Type(() => RocksDbOptions)
  rocksdb?: RocksDbOptions;
}

/** Where the default adapter keeps its files; undefined where it keeps none. */
export function storageDirectory({ adapter, diskLog, rocksdb }: StorageConfig): string | undefined {
  if (adapter === 'ets') return undefined;
  return resolve(
    adapter === 'rocksdb' ? (rocksdb?.path ?? DEFAULT_ROCKSDB_PATH) : (diskLog?.logDir ?? DEFAULT_LOG_DIR),
  );
}

import { resolve } from 'node:path';
import { EtsOptions } from '@genrocks/storage-ets';
import { Type } from 'class-transformer';
import { IsIn, IsOptional, ValidateNested } from 'class-validator';
import { type AdapterName, ADAPTERS } from './adapters.js';
import { DEFAULT_LOG_DIR, DiskLogOptions } from '@genrocks/storage-disklog';
import { DEFAULT_ROCKSDB_PATH, RocksDbOptions } from '@genrocks/storage-rocksdb';

/** `storage`: the default adapter, and the options of each adapter. */
export class StorageConfig {
  /** The adapter of every topic that does not name one. */
  @IsIn(ADAPTERS)
  adapter: AdapterName = 'disk_log';

  /** Options of the disk log. Absent if nothing uses it; then no directory is created. */
  @IsOptional()
  @ValidateNested()
  @Type(() => DiskLogOptions)
  diskLog?: DiskLogOptions;

  /** Options of in-memory storage. */
  @ValidateNested()
  @Type(() => EtsOptions)
  ets: EtsOptions = new EtsOptions();

  /** Options of RocksDB. Absent if nothing uses it; then no database is created. */
  @IsOptional()
  @ValidateNested()
  @Type(() => RocksDbOptions)
  rocksdb?: RocksDbOptions;
}

/** Directory of the default adapter; undefined if it has no files. */
export function storageDirectory({ adapter, diskLog, rocksdb }: StorageConfig): string | undefined {
  if (adapter === 'ets') return undefined;
  return resolve(
    adapter === 'rocksdb' ? (rocksdb?.path ?? DEFAULT_ROCKSDB_PATH) : (diskLog?.logDir ?? DEFAULT_LOG_DIR),
  );
}

import { EtsOptions } from '@genrocks/storage-ets';
import { Type } from 'class-transformer';
import { Allow, IsIn, IsOptional, ValidateNested } from 'class-validator';
import { type AdapterName, ADAPTERS, allowedAdapters } from './adapters.js';
import { DiskLogOptions } from '@genrocks/storage-disklog';

/** `storage`: where messages are kept, and the options of each adapter. */
export class StorageConfig {
  /** The adapter of every topic that does not name another one. */
  @IsIn(ADAPTERS, { message: ({ value }) => allowedAdapters(value) })
  adapter: AdapterName = 'disk_log';

  /** Filled in where the disk log is used; absent where nothing asks for it, and no directory is made then. */
  @IsOptional()
  @ValidateNested()
  @Type(() => DiskLogOptions)
  diskLog?: DiskLogOptions;

  @ValidateNested()
  @Type(() => EtsOptions)
  ets: EtsOptions = new EtsOptions();

  /** Known by name only, so that giving it is refused with a reason instead of as a spelling mistake. */
  @IsOptional()
  @Allow()
  rocksdb?: unknown;
}

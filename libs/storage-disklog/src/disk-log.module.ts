import { StorageAdapter } from '@genrocks/storage';
import { type DynamicModule, Module } from '@nestjs/common';
import { DiskLogStorageAdapter } from './disk-log-storage-adapter.js';
import { ConfigurableDiskLogModule, type DISK_LOG_OPTIONS_TYPE } from './disk-log.module-definition.js';

/**
 * Storage on a crash-safe write-ahead log, with one directory per partition.
 *
 * Provides `DiskLogStorageAdapter`, and the same instance under the token `StorageAdapter`.
 *
 * @publicApi
 */
@Module({
  providers: [DiskLogStorageAdapter, { provide: StorageAdapter, useExisting: DiskLogStorageAdapter }],
  exports: [DiskLogStorageAdapter, StorageAdapter],
})
export class DiskLogModule extends ConfigurableDiskLogModule {
  /**
   * Configures storage on the disk log.
   * @throws `INVALID_CONFIG` when the application starts, for an option that is unknown or not allowed
   */
  static override forRoot(options: typeof DISK_LOG_OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}

import { StorageAdapter } from '@genrocks/storage';
import { type DynamicModule, Module } from '@nestjs/common';
import { DiskLogStorageAdapter } from './disk-log-storage-adapter.js';
import { ConfigurableDiskLogModule, type DISK_LOG_OPTIONS_TYPE } from './disk-log.module-definition.js';

/**
 * Storage on a crash-safe write-ahead log, one directory a partition.
 *
 * Provides `DiskLogStorageAdapter`, and the same instance as `StorageAdapter`.
 *
 * @publicApi
 */
@Module({
  providers: [DiskLogStorageAdapter, { provide: StorageAdapter, useExisting: DiskLogStorageAdapter }],
  exports: [DiskLogStorageAdapter, StorageAdapter],
})
export class DiskLogModule extends ConfigurableDiskLogModule {
  /**
   * The disk log as the storage.
   * @throws `INVALID_CONFIG` for an option that is unknown or not allowed, when the application starts
   */
  static override forRoot(options: typeof DISK_LOG_OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}

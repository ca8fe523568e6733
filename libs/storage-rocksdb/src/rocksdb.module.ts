import { StorageAdapter } from '@genrocks/storage';
import { type DynamicModule, Module } from '@nestjs/common';
import { RocksDbStorageAdapter } from './rocksdb-storage-adapter.js';
import { ConfigurableRocksDbModule, type ROCKSDB_OPTIONS_TYPE } from './rocksdb.module-definition.js';

/**
 * Durable storage in one RocksDB database.
 *
 * Provides `RocksDbStorageAdapter`, and the same instance as `StorageAdapter`.
 *
 * @publicApi
 */
@Module({
  providers: [RocksDbStorageAdapter, { provide: StorageAdapter, useExisting: RocksDbStorageAdapter }],
  exports: [RocksDbStorageAdapter, StorageAdapter],
})
export class RocksDbModule extends ConfigurableRocksDbModule {
  /**
   * A RocksDB database as the storage.
   * @throws `INVALID_CONFIG` for an option that is unknown or not allowed, when the application starts
   */
  static override forRoot(options: typeof ROCKSDB_OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}

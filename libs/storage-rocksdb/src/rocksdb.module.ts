import { StorageAdapter } from '@genrocks/storage';
import { type DynamicModule, Module } from '@nestjs/common';
import { RocksDbStorageAdapter } from './rocksdb-storage-adapter.js';
import { ConfigurableRocksDbModule, type ROCKSDB_OPTIONS_TYPE } from './rocksdb.module-definition.js';

/**
 * Durable storage in one RocksDB database.
 *
 * Provides `RocksDbStorageAdapter`, and the same instance under the token `StorageAdapter`.
 *
 * @publicApi
 */
@Module({
  providers: [RocksDbStorageAdapter, { provide: StorageAdapter, useExisting: RocksDbStorageAdapter }],
  exports: [RocksDbStorageAdapter, StorageAdapter],
})
export class RocksDbModule extends ConfigurableRocksDbModule {
  /**
   * Configures storage in a RocksDB database.
   * @throws `INVALID_CONFIG` when the application starts, for an option that is unknown or not allowed
   */
  static override forRoot(options: typeof ROCKSDB_OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}

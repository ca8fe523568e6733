import { StorageAdapter } from '@genrocks/storage';
import { type DynamicModule, Module } from '@nestjs/common';
import { EtsStorageAdapter } from './ets-storage-adapter.js';
import { ConfigurableEtsModule, type ETS_OPTIONS_TYPE } from './ets.module-definition.js';

/**
 * Storage in memory, for tests, caches and topics that may be lost with the process.
 *
 * Provides `EtsStorageAdapter`, and the same instance as `StorageAdapter`.
 *
 * @publicApi
 */
@Module({
  providers: [EtsStorageAdapter, { provide: StorageAdapter, useExisting: EtsStorageAdapter }],
  exports: [EtsStorageAdapter, StorageAdapter],
})
export class EtsModule extends ConfigurableEtsModule {
  /**
   * Memory as the storage.
   * @throws `INVALID_CONFIG` for an option that is unknown or not allowed, when the application starts
   */
  static override forRoot(options: typeof ETS_OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}

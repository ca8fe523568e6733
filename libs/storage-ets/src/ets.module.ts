import { StorageAdapter } from '@genrocks/storage';
import { type DynamicModule, Module } from '@nestjs/common';
import { EtsStorageAdapter } from './ets-storage-adapter.js';
import { ConfigurableEtsModule, type ETS_OPTIONS_TYPE } from './ets.module-definition.js';

/**
 * In-memory storage, for tests, caches, and topics that may be lost with the process.
 *
 * Provides `EtsStorageAdapter`, and the same instance under the token `StorageAdapter`.
 *
 * @publicApi
 */
@Module({
  providers: [EtsStorageAdapter, { provide: StorageAdapter, useExisting: EtsStorageAdapter }],
  exports: [EtsStorageAdapter, StorageAdapter],
})
export class EtsModule extends ConfigurableEtsModule {
  /**
   * Configures in-memory storage.
   * @throws `INVALID_CONFIG` when the application starts, for an option that is unknown or not allowed
   */
  static override forRoot(options: typeof ETS_OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}

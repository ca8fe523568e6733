export { EtsOptions, EtsStoreSettings } from './ets-options.js';
export { EtsStorageAdapter } from './ets-storage-adapter.js';
export { etsConfig } from './ets.config.js';
export { EtsModule } from './ets.module.js';

export { EtsOptions, EtsStoreSettings } from './ets-options.js';
export { EtsStorageAdapter } from './ets-storage-adapter.js';
export { ETS_ENV, etsConfig } from './ets.config.js';
export { ETS_OPTIONS } from './ets.module-definition.js';
export { EtsModule } from './ets.module.js';

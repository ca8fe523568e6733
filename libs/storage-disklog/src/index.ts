export { DISK_LOG_ENV, diskLogConfig } from './disk-log.config.js';
export { DISK_LOG_OPTIONS } from './disk-log.module-definition.js';
export { DiskLogModule } from './disk-log.module.js';
export { DEFAULT_LOG_DIR, DiskLogOptions, DiskLogStoreSettings } from './disk-log-options.js';
export { DiskLogStorageAdapter } from './disk-log-storage-adapter.js';

export {
  DEFAULT_ROCKSDB_PATH,
  RocksDbOptions,
  RocksDbStoreSettings,
  type SyncMode,
} from './rocksdb-options.js';
export { RocksDbStorageAdapter } from './rocksdb-storage-adapter.js';
export { ROCKSDB_ENV, rocksDbConfig } from './rocksdb.config.js';
export { ROCKSDB_OPTIONS } from './rocksdb.module-definition.js';
export { RocksDbModule } from './rocksdb.module.js';

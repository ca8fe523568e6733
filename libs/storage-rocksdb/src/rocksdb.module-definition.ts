import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { RocksDbOptions } from './rocksdb-options.js';

/** The base class of the module, and the token and types of its options, made by Nest's `ConfigurableModuleBuilder`. */
export const {
  ConfigurableModuleClass: ConfigurableRocksDbModule,
  MODULE_OPTIONS_TOKEN: ROCKSDB_OPTIONS,
  OPTIONS_TYPE: ROCKSDB_OPTIONS_TYPE,
  ASYNC_OPTIONS_TYPE: ROCKSDB_ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<RocksDbOptions>({ moduleName: 'RocksDb' })
  .setClassMethodName('forRoot')
  .setExtras({ isGlobal: false }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
  .build();

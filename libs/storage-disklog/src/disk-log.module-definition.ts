import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { DiskLogOptions } from './disk-log-options.js';

/** The base class of the module, and the token and types of its options, made by Nest's `ConfigurableModuleBuilder`. */
export const {
  ConfigurableModuleClass: ConfigurableDiskLogModule,
  MODULE_OPTIONS_TOKEN: DISK_LOG_OPTIONS,
  OPTIONS_TYPE: DISK_LOG_OPTIONS_TYPE,
  ASYNC_OPTIONS_TYPE: DISK_LOG_ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<DiskLogOptions>({ moduleName: 'DiskLog' })
  .setClassMethodName('forRoot')
  .setExtras({ isGlobal: false }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
  .build();

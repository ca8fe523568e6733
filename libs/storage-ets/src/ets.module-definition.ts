import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { EtsOptions } from './ets-options.js';

/** The base class of the module, and the token and types of its options, made by Nest's `ConfigurableModuleBuilder`. */
export const {
  ConfigurableModuleClass: ConfigurableEtsModule,
  MODULE_OPTIONS_TOKEN: ETS_OPTIONS,
  OPTIONS_TYPE: ETS_OPTIONS_TYPE,
  ASYNC_OPTIONS_TYPE: ETS_ASYNC_OPTIONS_TYPE,
} = new ConfigurableModuleBuilder<EtsOptions>({ moduleName: 'Ets' })
  .setClassMethodName('forRoot')
  .setExtras({ isGlobal: false }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
  .build();

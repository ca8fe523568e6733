import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { KafkaOptions } from '../options.js';

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<KafkaOptions>({ moduleName: 'Kafka' }).setClassMethodName('forRoot').build();

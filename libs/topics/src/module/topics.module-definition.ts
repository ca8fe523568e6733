import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { DynamicModule, Type } from '@nestjs/common';
import type { StorageAdapter } from '@genrocks/storage';
import type { TopicsOptions } from '../options.js';

/** A module that provides and exports a storage adapter. */
export type StorageModule = DynamicModule | Type<unknown> | Promise<DynamicModule>;

/** A further adapter, chosen per topic by its `name`. */
export interface FurtherAdapter {
  module: StorageModule;
  /** The adapter's class, which `module` exports. */
  adapter: Type<StorageAdapter>;
}

export interface TopicsModuleExtras {
  /** Exports `StorageAdapter`: the default adapter, which also keeps the topic registry and group offsets. */
  storage: StorageModule;
  /** More adapters for topics that ask for them. */
  adapters?: readonly FurtherAdapter[];
  /** Is `TopicsService` visible in every module? `forFeature` needs it. Default true. */
  isGlobal?: boolean;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<TopicsOptions>({ moduleName: 'Topics' })
    .setClassMethodName('forRoot')
    .build();

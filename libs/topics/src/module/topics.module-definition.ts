import {
  type ConfigurableModuleAsyncOptions,
  ConfigurableModuleBuilder,
  type DynamicModule,
  type Type,
} from '@nestjs/common';
import type { StorageAdapter } from '@genrocks/storage';
import type { TopicsOptions } from '../options.js';
import { MANUAL_REGISTRATION } from '../topics.tokens.js';
import { StorageHost } from './storage-host.module.js';

/** A module that provides and exports a storage adapter. */
export type StorageModule = DynamicModule | Type<unknown> | Promise<DynamicModule>;

/** An additional adapter, which topics choose by its `name`. */
export interface FurtherAdapter {
  /** The module that provides the adapter, such as `EtsModule.forRoot()`. */
  module: StorageModule;
  /** The adapter's class, which `module` exports. */
  adapter: Type<StorageAdapter>;
}

/** Options of the module itself, which must be known before any factory runs. */
export interface TopicsModuleExtras {
  /** A module that exports `StorageAdapter`: the default adapter, which also keeps the topic registry and group offsets. */
  storage: StorageModule;
  /** Additional adapters, for topics that name them. */
  adapters?: readonly FurtherAdapter[];
  /** Whether `TopicsService` is visible in every module; `forFeature` requires it. Default true. */
  isGlobal?: boolean;
  /** Binds methods with `@Subscribe` only when `SubscriptionExplorer.register()` is called. Default false. */
  manualRegistration?: boolean;
}

/**
 * The base of the module, and the token and types of its options, made by Nest's `ConfigurableModuleBuilder`.
 */
export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<TopicsOptions>({ moduleName: 'Topics' })
    .setClassMethodName('forRoot')
    .setExtras<Partial<TopicsModuleExtras>>(
      { storage: undefined, adapters: undefined, isGlobal: true, manualRegistration: false },
      (definition, { storage, adapters = [], isGlobal, manualRegistration = false }) => ({
        ...definition,
        global: isGlobal ?? true,
        providers: [
          ...(definition.providers ?? []),
          { provide: MANUAL_REGISTRATION, useValue: manualRegistration },
        ],
        imports: [...(definition.imports ?? []), StorageHost.of(storage, adapters)],
      }),
    )
    .build();

/** Options of `TopicsModule.forRoot`. */
export type TopicsModuleOptions = TopicsOptions & TopicsModuleExtras;

/** The factory provides all options except `storage`, `adapters`, `isGlobal` and `manualRegistration`. */
export type TopicsModuleAsyncOptions = ConfigurableModuleAsyncOptions<TopicsOptions> & TopicsModuleExtras;

interface TopicsModuleStatics {
  new (): object;
  forRoot(options: TopicsModuleOptions): DynamicModule;
  forRootAsync(options: TopicsModuleAsyncOptions): DynamicModule;
}

/** The builder makes every extra optional, but `storage` is required. */
export const TopicsModuleBase = ConfigurableModuleClass as unknown as TopicsModuleStatics;

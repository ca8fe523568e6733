import { type DynamicModule, Module } from '@nestjs/common';
import { StorageAdapter } from '@genrocks/storage';
import { TopicsModule } from '../module/topics.module.js';
import type { TopicsOptions } from '../options.js';
import { ManualClock } from './manual-clock.js';
import { MemoryAdapter } from './memory-adapter.js';

/** Options of {@link TopicsTestingModule}. */
export interface TopicsTestingOptions extends TopicsOptions {
  /** The adapter that keeps the messages. Default: a new {@link MemoryAdapter}. */
  adapter?: StorageAdapter;
  /** Binds methods with `@Subscribe` only when `SubscriptionExplorer.register()` is called. Default false. */
  manualRegistration?: boolean;
}

/**
 * Topics in memory for a testing module; replaces `TopicsModule.forRoot`. Retries run on a {@link ManualClock} unless `clock`
 * is given.
 *
 * @publicApi
 */
@Module({})
export class TopicsTestingModule {
  /**
   * Creates the module for the imports of a testing module.
   * @throws `INVALID_CONFIG` for an option that is unknown or not allowed, when the application starts
   */
  static forRoot(options: TopicsTestingOptions = {}): DynamicModule {
    const { adapter = new MemoryAdapter(), manualRegistration = false, ...rest } = options;
    const storage: DynamicModule = {
      module: TestStorageModule,
      providers: [{ provide: StorageAdapter, useValue: adapter }],
      exports: [StorageAdapter],
    };
    return {
      module: TopicsTestingModule,
      imports: [TopicsModule.forRoot({ clock: new ManualClock(), ...rest, storage, manualRegistration })],
    };
  }
}

@Module({})
class TestStorageModule {}

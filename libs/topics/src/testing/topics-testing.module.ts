import { type DynamicModule, Module } from '@nestjs/common';
import { StorageAdapter } from '@genrocks/storage';
import { TopicsModule } from '../module/topics.module.js';
import type { TopicsOptions } from '../options.js';
import { ManualClock } from './manual-clock.js';
import { MemoryAdapter } from './memory-adapter.js';

/** Options of topics in a test. */
export interface TopicsTestingOptions extends TopicsOptions {
  /** Keeps the messages. Default: a new {@link MemoryAdapter}. */
  adapter?: StorageAdapter;
  /** Leaves methods with `@Subscribe` alone until `SubscriptionExplorer.register()` is called. Default false. */
  manualRegistration?: boolean;
}

/**
 * Topics in memory, in one line: in place of `TopicsModule.forRoot` among the imports of a testing module. Time for
 * retries is a {@link ManualClock}, unless `clock` says otherwise.
 *
 * @publicApi
 */
@Module({})
export class TopicsTestingModule {
  /**
   * A module for the imports of a testing module.
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

import { type DynamicModule, Module } from '@nestjs/common';
import { StorageAdapter } from '@genrocks/storage';
import type { FurtherAdapter } from '../module/topics.module-definition.js';
import { TopicsModule } from '../module/topics.module.js';
import { MemoryAdapter } from '../testing/memory-adapter.js';

/** Topics on an adapter that claims to be persistent, beside other adapters. */
@Module({})
export class DiskLikeModule {
  static forRoot(adapters: readonly FurtherAdapter[]): DynamicModule {
    const storage: DynamicModule = {
      module: DiskLikeModule,
      providers: [{ provide: StorageAdapter, useValue: new MemoryAdapter() }],
      exports: [StorageAdapter],
    };
    return TopicsModule.forRoot({ storage, adapters });
  }
}

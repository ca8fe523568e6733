import { type DynamicModule, type INestApplicationContext, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { StorageAdapter } from '@genrocks/storage';
import { EtsModule } from '@genrocks/storage-ets';
import { TopicsModule, type TopicsModuleOptions, TopicsService } from '@genrocks/topics';
import { KafkaListener } from '../kafka-listener.js';
import { KafkaModule } from '../module/kafka.module.js';
import type { KafkaOptions } from '../options.js';

export interface Embedded {
  readonly app: INestApplicationContext;
  readonly listener: KafkaListener;
  readonly topics: TopicsService;
  readonly port: number;
}

@Module({})
class GivenStorage {}

/** Storage on an adapter that the test controls. */
export function storageOn(adapter: StorageAdapter): DynamicModule {
  return {
    module: GivenStorage,
    providers: [{ provide: StorageAdapter, useValue: adapter }],
    exports: [StorageAdapter],
  };
}

/** An in-memory application with a listener on a free port. */
export async function embed(
  kafka: KafkaOptions = {},
  topics: Partial<TopicsModuleOptions> = {},
): Promise<Embedded> {
  const moduleRef = await Test.createTestingModule({
    imports: [
      TopicsModule.forRoot({ storage: EtsModule.forRoot(), ...topics }),
      KafkaModule.forRoot({ port: 0, ...kafka }),
    ],
  }).compile();
  moduleRef.useLogger(false);
  const app = await moduleRef.init();
  const listener = app.get(KafkaListener);
  return { app, listener, topics: app.get(TopicsService), port: listener.address.port };
}

import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import type { StorageAdapter } from '@genrocks/storage';
import { DiskLogModule, DiskLogStorageAdapter } from '@genrocks/storage-disklog';
import { EtsModule, EtsStorageAdapter } from '@genrocks/storage-ets';
import { RocksDbModule, RocksDbStorageAdapter } from '@genrocks/storage-rocksdb';
import type { KafkaOptions } from '@genrocks/kafka/config';
import { type TopicDefinition, TopicsModule, type TopicsModuleOptions } from '@genrocks/topics';
import { TopicsHealthModule } from '@genrocks/topics/health';
import type { AdapterName } from './config/adapters.js';
import { brokerConfig } from './config/broker.config.js';
import type { BrokerConfig } from './config/broker-config.js';
import { toKafkaTls, toKafkaUsers } from './config/kafka-security.js';
import { loadConfig } from './config/load-config.js';
import { toPublishingOptions } from './config/publishing.config.js';
import { toTopicStorage } from './config/topic-storage.js';
import { DeadLettersController } from './dead-letters/dead-letters.controller.js';
import { GroupsController } from './groups/groups.controller.js';
import { HealthController } from './health/health.controller.js';
import { StorageHealth } from './health/storage.health.js';
import { HttpRuntime } from './http/http-runtime.js';
import { ProblemFilter } from './http/problem.filter.js';
import { PublishController } from './messages/publish.controller.js';
import { ReadController } from './messages/read.controller.js';
import { StreamController } from './messages/stream.controller.js';
import { FileSystemMetrics } from './metrics/file-system-metrics.js';
import { MetricsController } from './metrics/metrics.controller.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { RequestMetrics } from './metrics/request-metrics.js';
import { TopicStateController } from './topics/topic-state.controller.js';
import { TopicsController } from './topics/topics.controller.js';

/**
 * The whole broker as a module: topics on the configured storage, with the HTTP API and the Kafka listener. Run it on a
 * `BrokerHttpAdapter`, which adds the limits and the error responses; `createBroker` does both.
 *
 * @example
 * const moduleRef = await Test.createTestingModule({ imports: [BrokerModule.forRoot(config)] })
 *   .overrideProvider(StorageAdapter)
 *   .useValue(new EtsStorageAdapter())
 *   .compile();
 * const app = moduleRef.createNestApplication(new BrokerHttpAdapter(config.http));
 *
 * @publicApi
 */
@Module({})
export class BrokerModule {
  /** @param config default: `genrocks.yaml` and the environment */
  static forRoot(config: BrokerConfig = loadConfig().config): DynamicModule {
    return {
      module: BrokerModule,
      imports: [
        TopicsModule.forRoot(toTopicsOptions(config)),
        ...kafkaModules(config),
        MetricsModule,
        TopicsHealthModule,
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [
        TopicsController,
        TopicStateController,
        DeadLettersController,
        PublishController,
        ReadController,
        StreamController,
        GroupsController,
        HealthController,
        MetricsController,
      ],
      providers: [
        { provide: brokerConfig.KEY, useValue: config },
        { provide: APP_FILTER, useClass: ProblemFilter },
        HttpRuntime,
        RequestMetrics,
        FileSystemMetrics,
        StorageHealth,
      ],
      exports: [TopicsModule, brokerConfig.KEY],
    };
  }
}

/** The Kafka modules, loaded only if the listener is enabled. */
function kafkaModules({ kafka, autoCreateTopics }: BrokerConfig): Promise<DynamicModule>[] {
  const { enabled, tls, users, ...address } = kafka;
  if (!enabled) return [];
  const options: KafkaOptions = {
    ...address,
    autoCreateTopics,
    ...(tls === undefined ? {} : { tls: toKafkaTls(tls) }),
    ...(users === undefined ? {} : { users: toKafkaUsers(users, process.env) }),
  };
  return [
    import('@genrocks/kafka').then(({ KafkaModule }) => KafkaModule.forRoot(options)),
    import('./metrics/kafka-metrics.module.js').then(({ KafkaMetricsModule: module }) => ({ module })),
  ];
}

interface Plugged {
  readonly name: AdapterName;
  readonly module: DynamicModule;
  readonly adapter: Type<StorageAdapter>;
}

/** Converts a configuration to the options of TopicsModule. */
export function toTopicsOptions(config: BrokerConfig): TopicsModuleOptions {
  const { adapter, diskLog, ets, rocksdb } = config.storage;
  // Memory for a single topic is a deliberate choice; only a broker that is entirely in memory gets the warning.
  const memory = EtsModule.forRoot({ ...ets, allowInProduction: ets.allowInProduction ?? adapter !== 'ets' });
  const plugged: Plugged[] = [{ name: 'ets', module: memory, adapter: EtsStorageAdapter }];
  if (diskLog !== undefined) {
    plugged.push({
      name: 'disk_log',
      module: DiskLogModule.forRoot({ ...diskLog }),
      adapter: DiskLogStorageAdapter,
    });
  }
  if (rocksdb !== undefined) {
    plugged.push({
      name: 'rocksdb',
      module: RocksDbModule.forRoot({ ...rocksdb }),
      adapter: RocksDbStorageAdapter,
    });
  }
  return {
    storage: plugged.find(({ name }) => name === adapter)!.module,
    adapters: plugged.filter(({ name }) => name !== adapter).map(({ name: _, ...further }) => further),
    topics: config.topics.map((topic) => toTopicDefinition(topic, config)),
    autoCreateTopics: config.autoCreateTopics,
    defaultPartitions: config.defaultPartitions,
    ...config.limits,
  };
}

function toTopicDefinition(topic: BrokerConfig['topics'][number], config: BrokerConfig): TopicDefinition {
  const { name, partitions, storage } = topic;
  const definition = { name, partitions, ...toPublishingOptions(topic, `topic ${name}`) };
  if (storage === undefined) return definition;
  const where = `storage of topic ${name}`;
  return { ...definition, storage: toTopicStorage(storage, config.storage.adapter, where) };
}

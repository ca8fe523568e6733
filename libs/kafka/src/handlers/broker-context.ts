import type { TopicsService } from '@genrocks/topics';
import type { GroupCoordinator } from '@genrocks/topics/listener';
import type { VirtualCluster } from '../cluster/virtual-cluster.js';
import type { ResolvedKafkaOptions } from '../options.js';
import type { ProducerIds } from '../producers/producer-ids.js';
import type { ProducerRegistry } from '../producers/producer-registry.js';
import type { TopicDirectory } from './topic-directory.js';

/** The services and options that handlers use. */
export interface BrokerContext {
  readonly clusterId: string;
  readonly options: ResolvedKafkaOptions;
  readonly cluster: VirtualCluster;
  /** Largest record batch accepted, in bytes. */
  readonly maxMessageBytes: number;
  /** Name of the adapter that stores new topics. */
  readonly defaultAdapter: string;
  readonly topics: TopicsService;
  readonly directory: TopicDirectory;
  readonly producers: ProducerRegistry;
  readonly producerIds: ProducerIds;
  readonly coordinator: GroupCoordinator;
}

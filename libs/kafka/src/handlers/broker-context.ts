import type { GroupCoordinator, TopicsService } from '@genrocks/topics';
import type { ResolvedKafkaOptions } from '../options.js';
import type { Session } from '../server/request.types.js';
import type { ProducerIds } from '../producers/producer-ids.js';
import type { ProducerRegistry } from '../producers/producer-registry.js';
import type { TopicDirectory } from './topic-directory.js';

/** The one broker of the cluster that clients see. */
export const NODE_ID = 1;
/** Everything is written by one leader that never changes. */
export const LEADER_EPOCH = 0;

/** What handlers work with. */
export interface BrokerContext {
  readonly clusterId: string;
  readonly options: ResolvedKafkaOptions;
  /** Largest record batch that is taken, in bytes. */
  readonly maxMessageBytes: number;
  /** Name of the adapter that keeps new topics. */
  readonly defaultAdapter: string;
  readonly topics: TopicsService;
  readonly directory: TopicDirectory;
  readonly producers: ProducerRegistry;
  readonly producerIds: ProducerIds;
  readonly coordinator: GroupCoordinator;
}

/** Where a client is told to connect to: by default to where it came through, which it can reach for certain. */
export function advertised(options: ResolvedKafkaOptions, session: Session): { host: string; port: number } {
  return {
    host: options.advertisedHost ?? session.localAddress,
    port: options.advertisedPort ?? session.localPort,
  };
}

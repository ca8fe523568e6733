import type { Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';
import {
  describeClusterRoute,
  findCoordinatorRoute,
  initProducerIdRoute,
  offsetForLeaderEpochRoute,
} from './cluster.js';
import { describeConfigsRoute } from './describe-configs.js';
import { fetchRoute } from './fetch.js';
import { listOffsetsRoute } from './list-offsets.js';
import { metadataRoute } from './metadata.js';
import { produceRoute } from './produce.js';
import { createTopicsRoute, deleteTopicsRoute } from './topics-admin.js';

/** Everything that is served; ApiVersions follows from it. */
export function routesOf(broker: BrokerContext): Route[] {
  return [
    produceRoute(broker),
    fetchRoute(broker),
    listOffsetsRoute(broker),
    metadataRoute(broker),
    findCoordinatorRoute(broker),
    createTopicsRoute(broker),
    deleteTopicsRoute(broker),
    initProducerIdRoute(broker),
    offsetForLeaderEpochRoute(broker),
    describeConfigsRoute(broker),
    describeClusterRoute(broker),
  ];
}

import type { Route } from '../server/request.types.js';
import { alterConfigsRoute, incrementalAlterConfigsRoute } from './alter-configs.js';
import type { BrokerContext } from './broker-context.js';
import {
  describeClusterRoute,
  findCoordinatorRoute,
  initProducerIdRoute,
  offsetForLeaderEpochRoute,
} from './cluster.js';
import { describeConfigsRoute } from './describe-configs.js';
import { fetchRoute } from './fetch.js';
import {
  consumerGroupHeartbeatRoute,
  heartbeatRoute,
  joinGroupRoute,
  leaveGroupRoute,
  syncGroupRoute,
} from './group-membership.js';
import { offsetCommitRoute, offsetFetchRoute } from './group-offsets.js';
import { deleteGroupsRoute, describeGroupsRoute, listGroupsRoute } from './groups-admin.js';
import { listOffsetsRoute } from './list-offsets.js';
import { metadataRoute } from './metadata.js';
import { offsetDeleteRoute } from './offset-delete.js';
import { produceRoute } from './produce.js';
import { createPartitionsRoute, deleteRecordsRoute } from './records-admin.js';
import { createTopicsRoute, deleteTopicsRoute } from './topics-admin.js';

/** The routes of all APIs served. ApiVersions is derived from them. */
export function routesOf(broker: BrokerContext): Route[] {
  return [
    produceRoute(broker),
    fetchRoute(broker),
    listOffsetsRoute(broker),
    metadataRoute(broker),
    offsetCommitRoute(broker),
    offsetFetchRoute(broker),
    findCoordinatorRoute(broker),
    joinGroupRoute(broker),
    heartbeatRoute(broker),
    leaveGroupRoute(broker),
    syncGroupRoute(broker),
    describeGroupsRoute(broker),
    listGroupsRoute(broker),
    createTopicsRoute(broker),
    deleteTopicsRoute(broker),
    deleteRecordsRoute(broker),
    initProducerIdRoute(broker),
    offsetForLeaderEpochRoute(broker),
    describeConfigsRoute(broker),
    alterConfigsRoute(broker),
    createPartitionsRoute(broker),
    deleteGroupsRoute(broker),
    incrementalAlterConfigsRoute(broker),
    offsetDeleteRoute(broker),
    describeClusterRoute(broker),
    consumerGroupHeartbeatRoute(),
  ];
}

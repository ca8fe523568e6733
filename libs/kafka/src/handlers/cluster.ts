import { CONTROLLER_ID, LEADER_EPOCH } from '../cluster/virtual-cluster.js';
import { describeCluster } from '../protocol/apis/describe-cluster.js';
import { findCoordinator } from '../protocol/apis/find-coordinator.js';
import { initProducerId } from '../protocol/apis/init-producer-id.js';
import { offsetForLeaderEpoch } from '../protocol/apis/offset-for-leader-epoch.js';
import { ErrorCode } from '../protocol/error-codes.js';
import { clusterOperations } from '../security/access.js';
import { type HandlerOf, route, type Route } from '../server/request.types.js';
import type { BrokerContext } from './broker-context.js';

const GROUP = 0;
const TRANSACTION = 1;
/** The only refusal that every client takes as final. After other errors librdkafka retries forever. */
const NO_TRANSACTIONS = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
const NO_TRANSACTIONS_MESSAGE = 'transactions are not supported';
const BROKERS = 1;
const CONTROLLERS = 2;

export function describeClusterRoute({ cluster, clusterId }: BrokerContext): Route {
  return route(describeCluster, ({ endpointType, includeClusterOperations }, { session, access }) => {
    const brokers = cluster
      .nodes(session)
      .map(({ nodeId: brokerId, host, port }) => ({ brokerId, host, port }));
    const isBrokers = endpointType === BROKERS;
    return {
      errorCode: endpointError(endpointType),
      errorMessage: isBrokers ? null : 'only broker endpoints are supported',
      endpointType,
      clusterId,
      controllerId: CONTROLLER_ID,
      brokers: isBrokers ? brokers : [],
      ...(includeClusterOperations ? { clusterOperations: clusterOperations(access) } : {}),
    };
  });
}

function endpointError(endpointType: number): ErrorCode {
  if (endpointType === BROKERS) return ErrorCode.NONE;
  return endpointType === CONTROLLERS
    ? ErrorCode.MISMATCHED_ENDPOINT_TYPE
    : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE;
}

/** Returns the broker that coordinates a group. Transaction coordinators are refused. */
export function findCoordinatorRoute({ cluster }: BrokerContext): Route {
  const none = { nodeId: -1, host: '', port: -1 };
  const noTransactions = { errorCode: NO_TRANSACTIONS, errorMessage: NO_TRANSACTIONS_MESSAGE, ...none };
  const noSuchKey = {
    errorCode: ErrorCode.INVALID_REQUEST,
    errorMessage: 'only coordinators of groups can be looked up',
    ...none,
  };
  const serve: HandlerOf<typeof findCoordinator> = ({ key, keys, keyType }, { session, version }) => {
    const find = (group: string) =>
      keyType === GROUP
        ? {
            errorCode: ErrorCode.NONE,
            errorMessage: null,
            ...cluster.node(cluster.coordinatorOf(group), session),
          }
        : keyType === TRANSACTION
          ? noTransactions
          : noSuchKey;
    if (version < 4) return { ...find(key), key };
    return { coordinators: keys.map((one) => ({ key: one, ...find(one) })) };
  };
  return route(findCoordinator, serve, {
    distinct: (request) => ({ ...request, keys: [...new Set(request.keys)] }),
  });
}

/** Without transactions, a producer gets a new id for every request, whatever id it had before. */
export function initProducerIdRoute({ producerIds }: BrokerContext): Route {
  return route(initProducerId, async ({ transactionalId }) => {
    if (transactionalId !== null) return { errorCode: NO_TRANSACTIONS };
    return { errorCode: ErrorCode.NONE, producerId: await producerIds.allocate(), producerEpoch: 0 };
  });
}

/** There is only one leader epoch, which ends at the end of the log. */
export function offsetForLeaderEpochRoute({ directory }: BrokerContext): Route {
  return route(offsetForLeaderEpoch, ({ topics }) => ({
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, currentLeaderEpoch, leaderEpoch }) => {
        const partition = directory.partition(name, index);
        if (typeof partition === 'number') return { index, errorCode: partition };
        if (currentLeaderEpoch > LEADER_EPOCH) return { index, errorCode: ErrorCode.UNKNOWN_LEADER_EPOCH };
        if (leaderEpoch !== LEADER_EPOCH) return { index, errorCode: ErrorCode.NONE };
        return { index, errorCode: ErrorCode.NONE, leaderEpoch, endOffset: partition.endOffset };
      }),
    })),
  }));
}

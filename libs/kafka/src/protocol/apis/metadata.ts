import {
  array,
  boolean,
  int16,
  int32,
  list,
  nullableArray,
  nullableString,
  string,
  uuid,
} from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

const NO_OPERATIONS = -2147483648;

/**
 * Null `topics` request all topics (in version 0, an empty list does).
 *
 * ```
 * Request  => [topics] [4+ allow_auto_topic_creation] [8-10 include_cluster_operations] [8+ include_topic_operations]
 *   topics     => [10+ topic_id] name
 * Response => [3+ throttle_time_ms] [brokers] [2+ cluster_id] [1+ controller_id] [topics] [8-10 cluster_operations]
 *   brokers    => node_id host port [1+ rack]
 *   topics     => error_code name [10+ topic_id] [1+ is_internal] [partitions] [8+ topic_operations]
 *   partitions => error_code index leader_id [7+ leader_epoch] [replicas] [isr] [5+ [offline_replicas]]
 * ```
 */
export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 12],
  flexibleFrom: 9,
  request: {
    topics: nullableArray(
      {
        topicId: uuid({ versions: 10, fallback: '00000000-0000-0000-0000-000000000000' }),
        name: nullableString(0, 10),
      },
      0,
      1,
    ),
    allowAutoTopicCreation: boolean({ versions: 4, fallback: true }),
    includeClusterOperations: boolean({ versions: [8, 10], fallback: false }),
    includeTopicOperations: boolean({ versions: 8, fallback: false }),
  },
  response: {
    throttleTimeMs: int32({ versions: 3, fallback: 0 }),
    brokers: array({ nodeId: int32(), host: string(), port: int32(), rack: nullableString(1) }),
    clusterId: nullableString(2),
    controllerId: int32({ versions: 1, fallback: -1 }),
    topics: array({
      errorCode: int16(),
      name: nullableString(0, 12),
      topicId: uuid({ versions: 10, fallback: '00000000-0000-0000-0000-000000000000' }),
      isInternal: boolean({ versions: 1, fallback: false }),
      partitions: array({
        errorCode: int16(),
        index: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ versions: 7, fallback: -1 }),
        replicas: list('int32'),
        isr: list('int32'),
        offlineReplicas: list('int32', 5),
      }),
      topicOperations: int32({ versions: 8, fallback: NO_OPERATIONS }),
    }),
    clusterOperations: int32({ versions: [8, 10], fallback: NO_OPERATIONS }),
  },
});

import {
  int16,
  int32,
  int8,
  list,
  nullableArray,
  nullableList,
  nullableString,
  string,
  uuid,
} from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => group_id member_id member_epoch instance_id rack_id rebalance_timeout_ms [subscribed_topic_names]
 *             [1+ subscribed_topic_regex] server_assignor [topic_partitions]
 *   topic_partitions => topic_id [partitions]
 * Response => throttle_time_ms error_code error_message member_id member_epoch heartbeat_interval_ms assignment
 * ```
 * No assignment is ever given, so the answer has the marker for none.
 */
export const consumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: nullableString(),
    rackId: nullableString(),
    rebalanceTimeoutMs: int32(),
    subscribedTopicNames: nullableList('string'),
    subscribedTopicRegex: nullableString(1),
    serverAssignor: nullableString(),
    topicPartitions: nullableArray({ topicId: uuid(), partitions: list('int32') }),
  },
  response: {
    throttleTimeMs: int32({ fallback: 0 }),
    errorCode: int16(),
    errorMessage: nullableString(),
    memberId: nullableString(),
    memberEpoch: int32({ fallback: 0 }),
    heartbeatIntervalMs: int32({ fallback: 0 }),
    assignment: int8({ fallback: -1 }),
  },
});

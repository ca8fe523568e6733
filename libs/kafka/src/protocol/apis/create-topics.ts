import {
  array,
  boolean,
  int16,
  int32,
  int8,
  list,
  nullableArray,
  nullableString,
  string,
  uuid,
} from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => [topics] timeout_ms [1+ validate_only]
 *   topics      => name num_partitions replication_factor [assignments] [configs]
 *   assignments => partition_index [broker_ids]
 *   configs     => name value
 * Response => [2+ throttle_time_ms] [topics]
 *   topics      => name [7+ topic_id] error_code [1+ error_message] [5+ num_partitions replication_factor [configs]]
 *   configs     => name value read_only config_source is_sensitive
 * ```
 */
export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [0, 7],
  flexibleFrom: 5,
  request: {
    topics: array({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: array({ partitionIndex: int32(), brokerIds: list('int32') }),
      configs: array({ name: string(), value: nullableString() }),
    }),
    timeoutMs: int32(),
    validateOnly: boolean({ versions: 1, fallback: false }),
  },
  response: {
    throttleTimeMs: int32({ versions: 2, fallback: 0 }),
    topics: array({
      name: string(),
      topicId: uuid({ versions: 7, fallback: '00000000-0000-0000-0000-000000000000' }),
      errorCode: int16(),
      errorMessage: nullableString(1),
      numPartitions: int32({ versions: 5, fallback: -1 }),
      replicationFactor: int16({ versions: 5, fallback: -1 }),
      configs: nullableArray(
        {
          name: string(),
          value: nullableString(),
          readOnly: boolean(),
          configSource: int8({ fallback: -1 }),
          isSensitive: boolean({ fallback: false }),
        },
        5,
      ),
    }),
  },
});

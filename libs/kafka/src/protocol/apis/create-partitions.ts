import {
  array,
  boolean,
  int16,
  int32,
  list,
  nullableArray,
  nullableString,
  string,
} from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => [topics] timeout_ms validate_only
 *   topics      => name count [assignments]
 *   assignments => [broker_ids]
 * Response => throttle_time_ms [results]
 *   results     => name error_code error_message
 * ```
 */
export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string(),
      count: int32(),
      assignments: nullableArray({ brokerIds: list('int32') }),
    }),
    timeoutMs: int32(),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32({ fallback: 0 }),
    results: array({ name: string(), errorCode: int16(), errorMessage: nullableString() }),
  },
});

import { array, int16, int32, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => group_id [topics]
 *   topics     => name [partitions]
 *   partitions => index
 * Response => error_code throttle_time_ms [topics]
 *   topics     => name [partitions]
 *   partitions => index error_code
 * ```
 */
export const offsetDelete = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleFrom: undefined,
  request: {
    groupId: string(),
    topics: array({ name: string(), partitions: array({ index: int32() }) }),
  },
  response: {
    errorCode: int16(),
    throttleTimeMs: int32({ fallback: 0 }),
    topics: array({ name: string(), partitions: array({ index: int32(), errorCode: int16() }) }),
  },
});

import { array, int16, int32, list, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => [groups]
 * Response => throttle_time_ms [results]
 *   results => group_id error_code
 * ```
 */
export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleFrom: 2,
  request: { groups: list('string') },
  response: {
    throttleTimeMs: int32({ fallback: 0 }),
    results: array({ groupId: string(), errorCode: int16() }),
  },
});

import { array, int16, int32, list, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => [4+ [states_filter]] [5+ [types_filter]]
 * Response => [1+ throttle_time_ms] error_code [groups]
 *   groups => group_id protocol_type [4+ state] [5+ type]
 * ```
 */
export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleFrom: 3,
  request: { statesFilter: list('string', 4), typesFilter: list('string', 5) },
  response: {
    throttleTimeMs: int32({ versions: 1, fallback: 0 }),
    errorCode: int16(),
    groups: array({
      groupId: string(),
      protocolType: string(),
      state: string({ versions: 4, fallback: '' }),
      type: string({ versions: 5, fallback: '' }),
    }),
  },
});

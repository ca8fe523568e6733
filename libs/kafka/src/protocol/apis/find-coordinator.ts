import { array, int16, int32, int8, list, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => (0-3 key) [1+ key_type] (4+ [keys])
 * Response => [1+ throttle_time_ms] (0-3 error_code [1+ error_message] node_id host port | 4+ [coordinators])
 *   coordinators => key node_id host port error_code error_message
 * ```
 */
export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    key: string({ versions: [0, 3], fallback: '' }),
    keyType: int8({ versions: 1, fallback: 0 }),
    keys: list('string', 4),
  },
  response: {
    throttleTimeMs: int32({ versions: 1, fallback: 0 }),
    errorCode: int16({ versions: [0, 3], fallback: 0 }),
    errorMessage: nullableString([1, 3]),
    nodeId: int32({ versions: [0, 3], fallback: -1 }),
    host: string({ versions: [0, 3], fallback: '' }),
    port: int32({ versions: [0, 3], fallback: -1 }),
    coordinators: array(
      {
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: nullableString(),
      },
      4,
    ),
  },
});

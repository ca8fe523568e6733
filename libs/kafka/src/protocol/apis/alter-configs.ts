import { array, boolean, int16, int32, int8, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * Replaces the whole configuration of a resource.
 *
 * ```
 * Request  => [resources] validate_only
 *   resources => type name [configs]
 *   configs   => name value
 * Response => throttle_time_ms [responses]
 *   responses => error_code error_message type name
 * ```
 */
export const alterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    resources: array({
      type: int8(),
      name: string(),
      configs: array({ name: string(), value: nullableString() }),
    }),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32({ fallback: 0 }),
    responses: array({ errorCode: int16(), errorMessage: nullableString(), type: int8(), name: string() }),
  },
});

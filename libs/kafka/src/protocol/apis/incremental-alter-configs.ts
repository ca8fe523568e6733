import { array, boolean, int16, int32, int8, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * Operations: 0 set, 1 delete, 2 append, 3 subtract.
 *
 * ```
 * Request  => [resources] validate_only
 *   resources => type name [configs]
 *   configs   => name operation value
 * Response => throttle_time_ms [responses]
 *   responses => error_code error_message type name
 * ```
 */
export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    resources: array({
      type: int8(),
      name: string(),
      configs: array({ name: string(), operation: int8(), value: nullableString() }),
    }),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: int32({ fallback: 0 }),
    responses: array({ errorCode: int16(), errorMessage: nullableString(), type: int8(), name: string() }),
  },
});

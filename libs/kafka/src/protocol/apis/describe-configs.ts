import {
  array,
  boolean,
  int16,
  int32,
  int8,
  nullableList,
  nullableString,
  string,
} from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * Null `keys` request all configurations of a resource.
 *
 * ```
 * Request  => [resources] [1+ include_synonyms] [3+ include_documentation]
 *   resources => type name [keys]
 * Response => throttle_time_ms [results]
 *   results   => error_code error_message type name [configs]
 *   configs   => name value read_only (0 is_default | 1+ config_source) is_sensitive [1+ synonyms]
 *                [3+ config_type documentation]
 *   synonyms  => name value source
 * ```
 */
export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    resources: array({ type: int8(), name: string(), keys: nullableList('string') }),
    includeSynonyms: boolean({ versions: 1, fallback: false }),
    includeDocumentation: boolean({ versions: 3, fallback: false }),
  },
  response: {
    throttleTimeMs: int32({ fallback: 0 }),
    results: array({
      errorCode: int16(),
      errorMessage: nullableString(),
      type: int8(),
      name: string(),
      configs: array({
        name: string(),
        value: nullableString(),
        readOnly: boolean(),
        isDefault: boolean({ versions: [0, 0], fallback: false }),
        configSource: int8({ versions: 1, fallback: -1 }),
        isSensitive: boolean({ fallback: false }),
        synonyms: array({ name: string(), value: nullableString(), source: int8() }, 1),
        configType: int8({ versions: 3, fallback: 0 }),
        documentation: nullableString(3),
      }),
    }),
  },
});

import { array, int16, int32, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * The header of the answer has no tagged fields in any version: the client reads it before it knows our versions.
 *
 * ```
 * Request  => [3+ client_software_name client_software_version]
 * Response => error_code [api_keys] [1+ throttle_time_ms]
 *   api_keys => api_key min_version max_version
 * ```
 */
export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    clientSoftwareName: string({ versions: 3, fallback: '' }),
    clientSoftwareVersion: string({ versions: 3, fallback: '' }),
  },
  response: {
    errorCode: int16(),
    apiKeys: array({ apiKey: int16(), minVersion: int16(), maxVersion: int16() }),
    throttleTimeMs: int32({ versions: 1, fallback: 0 }),
  },
});

import { int16, list, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => mechanism
 * Response => error_code [mechanisms]
 * ```
 */
export const saslHandshake = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleFrom: undefined,
  request: { mechanism: string() },
  response: { errorCode: int16(), mechanisms: list('string') },
});

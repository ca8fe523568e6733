import { bytes, int16, int64, nullableString } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => auth_bytes
 * Response => error_code error_message auth_bytes [1+ session_lifetime_ms]
 * ```
 */
export const saslAuthenticate = defineApi({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleFrom: 2,
  request: { authBytes: bytes() },
  response: {
    errorCode: int16(),
    errorMessage: nullableString(),
    authBytes: bytes({ fallback: Buffer.alloc(0) }),
    sessionLifetimeMs: int64({ versions: 1, fallback: 0 }),
  },
});

import { int16, int32, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => group_id generation_id member_id [3+ group_instance_id]
 * Response => [1+ throttle_time_ms] error_code
 * ```
 */
export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: nullableString(3),
  },
  response: { throttleTimeMs: int32({ versions: 1, fallback: 0 }), errorCode: int16() },
});

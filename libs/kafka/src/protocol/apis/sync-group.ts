import { array, bytes, int16, int32, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => group_id generation_id member_id [3+ group_instance_id] [5+ protocol_type protocol_name] [assignments]
 *   assignments => member_id assignment
 * Response => [1+ throttle_time_ms] error_code [5+ protocol_type protocol_name] assignment
 * ```
 */
export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: nullableString(3),
    protocolType: nullableString(5),
    protocolName: nullableString(5),
    assignments: array({ memberId: string(), assignment: bytes() }),
  },
  response: {
    throttleTimeMs: int32({ versions: 1, fallback: 0 }),
    errorCode: int16(),
    protocolType: nullableString(5),
    protocolName: nullableString(5),
    assignment: bytes({ fallback: Buffer.alloc(0) }),
  },
});

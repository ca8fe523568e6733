import { array, int16, int32, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => group_id (0-2 member_id | 3+ [members])
 *   members  => member_id group_instance_id [5+ reason]
 * Response => [1+ throttle_time_ms] error_code [3+ [members]]
 *   members  => member_id group_instance_id error_code
 * ```
 */
export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    memberId: string({ versions: [0, 2], fallback: '' }),
    members: array({ memberId: string(), groupInstanceId: nullableString(), reason: nullableString(5) }, 3),
  },
  response: {
    throttleTimeMs: int32({ versions: 1, fallback: 0 }),
    errorCode: int16(),
    members: array({ memberId: string(), groupInstanceId: nullableString(), errorCode: int16() }, 3),
  },
});

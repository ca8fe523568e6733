import { array, boolean, bytes, int16, int32, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => group_id session_timeout_ms [1+ rebalance_timeout_ms] member_id [5+ group_instance_id] protocol_type
 *             [protocols] [8+ reason]
 *   protocols => name metadata
 * Response => [2+ throttle_time_ms] error_code generation_id [7+ protocol_type] protocol_name leader
 *             [9+ skip_assignment] member_id [members]
 *   members   => member_id [5+ group_instance_id] metadata
 * ```
 */
export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ versions: 1, fallback: -1 }),
    memberId: string(),
    groupInstanceId: nullableString(5),
    protocolType: string(),
    protocols: array({ name: string(), metadata: bytes() }),
    reason: nullableString(8),
  },
  response: {
    throttleTimeMs: int32({ versions: 2, fallback: 0 }),
    errorCode: int16(),
    generationId: int32({ fallback: -1 }),
    protocolType: nullableString(7),
    protocolName: nullableString(0, 7),
    leader: string({ fallback: '' }),
    skipAssignment: boolean({ versions: 9, fallback: false }),
    memberId: string({ fallback: '' }),
    members: array({ memberId: string(), groupInstanceId: nullableString(5), metadata: bytes() }),
  },
});

import { array, boolean, bytes, int16, int32, list, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => [groups] [3+ include_authorized_operations]
 * Response => [1+ throttle_time_ms] [groups]
 *   groups  => error_code group_id state protocol_type protocol_data [members] [3+ authorized_operations]
 *   members => member_id [4+ group_instance_id] client_id client_host metadata assignment
 * ```
 */
export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 5],
  flexibleFrom: 5,
  request: { groups: list('string'), includeAuthorizedOperations: boolean({ versions: 3, fallback: false }) },
  response: {
    throttleTimeMs: int32({ versions: 1, fallback: 0 }),
    groups: array({
      errorCode: int16(),
      groupId: string(),
      state: string(),
      protocolType: string(),
      protocolData: string(),
      members: array({
        memberId: string(),
        groupInstanceId: nullableString(4),
        clientId: string(),
        clientHost: string(),
        metadata: bytes(),
        assignment: bytes(),
      }),
      authorizedOperations: int32({ versions: 3, fallback: -2147483648 }),
    }),
  },
});

import {
  array,
  boolean,
  int16,
  int32,
  int64,
  list,
  nullableArray,
  nullableString,
  string,
} from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

const partition = {
  index: int32(),
  committedOffset: int64(),
  committedLeaderEpoch: int32({ versions: 5, fallback: -1 }),
  metadata: nullableString(),
  errorCode: int16(),
};

/**
 * Null `topics` request every offset of the group. From version 8 on, one request may name several groups.
 *
 * ```
 * Request  => (0-7 group_id [topics] | 8+ [groups]) [7+ require_stable]
 *   groups     => group_id [9+ member_id member_epoch] [topics]
 *   topics     => name [index]
 * Response => [3+ throttle_time_ms] (0-7 [topics] [2-7 error_code] | 8+ [groups])
 *   groups     => group_id [topics] error_code
 *   topics     => name [partitions]
 *   partitions => index committed_offset [5+ committed_leader_epoch] metadata error_code
 * ```
 */
export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string({ versions: [0, 7], fallback: '' }),
    topics: nullableArray({ name: string(), partitions: list('int32') }, [0, 7], 2, []),
    groups: array(
      {
        groupId: string(),
        memberId: nullableString(9),
        memberEpoch: int32({ versions: 9, fallback: -1 }),
        topics: nullableArray({ name: string(), partitions: list('int32') }),
      },
      8,
    ),
    requireStable: boolean({ versions: 7, fallback: false }),
  },
  response: {
    throttleTimeMs: int32({ versions: 3, fallback: 0 }),
    topics: array({ name: string(), partitions: array(partition) }, [0, 7]),
    errorCode: int16({ versions: [2, 7], fallback: 0 }),
    groups: array(
      {
        groupId: string(),
        topics: array({ name: string(), partitions: array(partition) }),
        errorCode: int16({ fallback: 0 }),
      },
      8,
    ),
  },
});

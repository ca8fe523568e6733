import { array, int16, int32, int64, nullableString, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => group_id [1+ generation_id member_id] [7+ group_instance_id] [2-4 retention_time_ms] [topics]
 *   topics     => name [partitions]
 *   partitions => index committed_offset [1 commit_timestamp] [6+ committed_leader_epoch] metadata
 * Response => [3+ throttle_time_ms] [topics]
 *   topics     => name [partitions]
 *   partitions => index error_code
 * ```
 */
export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [0, 9],
  flexibleFrom: 8,
  request: {
    groupId: string(),
    generationId: int32({ versions: 1, fallback: -1 }),
    memberId: string({ versions: 1, fallback: '' }),
    groupInstanceId: nullableString(7),
    retentionTimeMs: int64({ versions: [2, 4], fallback: -1 }),
    topics: array({
      name: string(),
      partitions: array({
        index: int32(),
        committedOffset: int64(),
        commitTimestamp: int64({ versions: [1, 1], fallback: -1 }),
        committedLeaderEpoch: int32({ versions: 6, fallback: -1 }),
        metadata: nullableString(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ versions: 3, fallback: 0 }),
    topics: array({ name: string(), partitions: array({ index: int32(), errorCode: int16() }) }),
  },
});

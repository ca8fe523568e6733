import { array, int16, int32, int64, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => [3+ replica_id] [topics]
 *   topics     => name [partitions]
 *   partitions => index [2+ current_leader_epoch] leader_epoch
 * Response => [2+ throttle_time_ms] [topics]
 *   topics     => name [partitions]
 *   partitions => error_code index [1+ leader_epoch] end_offset
 * ```
 */
export const offsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    replicaId: int32({ versions: 3, fallback: -2 }),
    topics: array({
      name: string(),
      partitions: array({
        index: int32(),
        currentLeaderEpoch: int32({ versions: 2, fallback: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ versions: 2, fallback: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        errorCode: int16(),
        index: int32(),
        leaderEpoch: int32({ versions: 1, fallback: -1 }),
        endOffset: int64({ fallback: -1 }),
      }),
    }),
  },
});

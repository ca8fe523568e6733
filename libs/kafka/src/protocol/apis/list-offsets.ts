import { array, int16, int32, int64, int8, list, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * ```
 * Request  => replica_id [2+ isolation_level] [topics]
 *   topics     => name [partitions]
 *   partitions => index [4+ current_leader_epoch] timestamp [0 max_num_offsets]
 * Response => [2+ throttle_time_ms] [topics]
 *   topics     => name [partitions]
 *   partitions => index error_code (0 [old_style_offsets] | 1+ timestamp offset) [4+ leader_epoch]
 * ```
 */
export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    replicaId: int32({ fallback: -1 }),
    isolationLevel: int8({ versions: 2, fallback: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        index: int32(),
        currentLeaderEpoch: int32({ versions: 4, fallback: -1 }),
        timestamp: int64(),
        maxNumOffsets: int32({ versions: [0, 0], fallback: 1 }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ versions: 2, fallback: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        index: int32(),
        errorCode: int16(),
        oldStyleOffsets: list('int64', [0, 0]),
        timestamp: int64({ versions: 1, fallback: -1 }),
        offset: int64({ versions: 1, fallback: -1 }),
        leaderEpoch: int32({ versions: 4, fallback: -1 }),
      }),
    }),
  },
});

import {
  array,
  int16,
  int32,
  int64,
  int8,
  list,
  nullableArray,
  records,
  string,
  uuid,
} from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * Consumers read message sets up to version 3. From version 13 on, topics are identified by UUID.
 *
 * ```
 * Request  => [0-14 replica_id] max_wait_ms min_bytes [3+ max_bytes] [4+ isolation_level] [7+ session_id session_epoch]
 *             [topics] [7+ [forgotten_topics]] [11+ rack_id]
 *   topics     => (0-12 name | 13+ topic_id) [partitions]
 *   partitions => index [9+ current_leader_epoch] fetch_offset [12+ last_fetched_epoch] [5+ log_start_offset] max_bytes
 *   forgotten  => (7-12 name | 13+ topic_id) [index]
 * Response => [1+ throttle_time_ms] [7+ error_code session_id] [topics]
 *   topics     => (0-12 name | 13+ topic_id) [partitions]
 *   partitions => index error_code high_watermark [4+ last_stable_offset] [5+ log_start_offset]
 *                 [4+ aborted_transactions] [11+ preferred_read_replica] records
 * ```
 */
export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [0, 17],
  flexibleFrom: 12,
  request: {
    replicaId: int32({ versions: [0, 14], fallback: -1 }),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ versions: 3, fallback: 0x7fffffff }),
    isolationLevel: int8({ versions: 4, fallback: 0 }),
    sessionId: int32({ versions: 7, fallback: 0 }),
    sessionEpoch: int32({ versions: 7, fallback: -1 }),
    topics: array({
      name: string({ versions: [0, 12], fallback: '' }),
      topicId: uuid({ versions: 13, fallback: '00000000-0000-0000-0000-000000000000' }),
      partitions: array({
        index: int32(),
        currentLeaderEpoch: int32({ versions: 9, fallback: -1 }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32({ versions: 12, fallback: -1 }),
        logStartOffset: int64({ versions: 5, fallback: -1 }),
        maxBytes: int32(),
      }),
    }),
    forgottenTopics: array(
      {
        name: string({ versions: [7, 12], fallback: '' }),
        topicId: uuid({ versions: 13, fallback: '00000000-0000-0000-0000-000000000000' }),
        partitions: list('int32'),
      },
      7,
    ),
    rackId: string({ versions: 11, fallback: '' }),
  },
  response: {
    throttleTimeMs: int32({ versions: 1, fallback: 0 }),
    errorCode: int16({ versions: 7, fallback: 0 }),
    sessionId: int32({ versions: 7, fallback: 0 }),
    topics: array({
      name: string({ versions: [0, 12], fallback: '' }),
      topicId: uuid({ versions: 13, fallback: '00000000-0000-0000-0000-000000000000' }),
      partitions: array({
        index: int32(),
        errorCode: int16(),
        highWatermark: int64(),
        lastStableOffset: int64({ versions: 4, fallback: -1 }),
        logStartOffset: int64({ versions: 5, fallback: -1 }),
        abortedTransactions: nullableArray({ producerId: int64(), firstOffset: int64() }, 4),
        preferredReadReplica: int32({ versions: 11, fallback: -1 }),
        records: records(),
      }),
    }),
  },
});

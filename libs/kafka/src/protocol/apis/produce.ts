import { array, int16, int32, int64, nullableString, records, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * Versions 0 to 2 carry message sets. librdkafka up to 2.10 disables compression if version 0 is not advertised.
 *
 * ```
 * Request  => [3+ transactional_id] acks timeout_ms [topics]
 *   topics     => name [partitions]
 *   partitions => index records
 * Response => [topics] [1+ throttle_time_ms]
 *   topics     => name [partitions]
 *   partitions => index error_code base_offset [2+ log_append_time] [5+ log_start_offset]
 *                 [8+ record_errors error_message]
 * ```
 */
export const produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: [0, 11],
  flexibleFrom: 9,
  request: {
    transactionalId: nullableString(3),
    acks: int16(),
    timeoutMs: int32(),
    topics: array({ name: string(), partitions: array({ index: int32(), records: records() }) }),
  },
  response: {
    topics: array({
      name: string(),
      partitions: array({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64({ versions: 2, fallback: -1 }),
        logStartOffset: int64({ versions: 5, fallback: -1 }),
        recordErrors: array({ batchIndex: int32(), message: nullableString() }, 8),
        errorMessage: nullableString(8),
      }),
    }),
    throttleTimeMs: int32({ versions: 1, fallback: 0 }),
  },
});

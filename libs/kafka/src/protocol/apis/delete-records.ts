import { array, int16, int32, int64, string } from '../schema/fields.js';
import { defineApi } from '../schema/api.js';

/**
 * An offset of -1 means the end of the partition.
 *
 * ```
 * Request  => [topics] timeout_ms
 *   topics     => name [partitions]
 *   partitions => index offset
 * Response => throttle_time_ms [topics]
 *   topics     => name [partitions]
 *   partitions => index low_watermark error_code
 * ```
 */
export const deleteRecords = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    topics: array({ name: string(), partitions: array({ index: int32(), offset: int64() }) }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ fallback: 0 }),
    topics: array({
      name: string(),
      partitions: array({ index: int32(), lowWatermark: int64(), errorCode: int16() }),
    }),
  },
});
